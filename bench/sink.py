"""Takes every batch of an export and keeps none: the sender alone is measured.

python bench/sink.py    prints its address; GET /lines tells how many lines came since it was last asked
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer

from bench.feed import identity

EPOCH = "bench"


class Sink(BaseHTTPRequestHandler):
    """Accepts what it is sent."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 2**16
    lines = 0

    def do_PUT(self) -> None:  # noqa: N802  # the base class's own name
        """A batch: all of its lines are taken."""
        self.rfile.read(int(self.headers["Content-Length"]))
        n = int(self.headers["Omnisync-Lines"])
        Sink.lines += n
        answer = {"batch": self.path.rpartition("/")[2], "epoch": EPOCH, "lines": n, "accepted": n, "stored": n}
        self._answer(201, answer)

    def do_GET(self) -> None:  # noqa: N802  # the base class's own name
        """The count, or what an idle hub says of its streams and of itself."""
        if self.path == "/lines":
            told, Sink.lines = Sink.lines, 0
            self._answer(200, told)
        elif self.path.startswith("/v1/streams"):
            self._answer(200, {"contract": "1.0", "epoch": EPOCH, "streams": []})
        else:
            self._answer(200, json.loads(identity()))

    def _answer(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Omnisync-Contract", "1.0")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's own name
        """Nothing: a line a batch is what would be measured."""


def main() -> None:
    """Serve until ended."""
    server = HTTPServer(("127.0.0.1", 0), Sink)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
