"""Every error of the agent, by what to do about it.

    OmnisyncError                  .code (stable: logs, pages)   .words (what fills its sentence)
    ├── TemporaryError             try again with backoff
    │   ├── HubUnreachableError    no answer, or an answer that is not the hub's
    │   ├── HubBusyError           the hub asks for a pause (.retry_at)
    │   ├── ErpBusyError           lock, deadlock, lost connection
    │   │   └── ErpRowInUseError   a row held by another session ; its record waits
    │   └── OutboxLostError        what was sent out is forgotten: the next export sends everything again
    ├── RecordError                this record only: refuse it with a reason, go on
    │   └── RefusedRecordError
    ├── OvertakenError             another run moved this stream: stop, nothing is lost
    ├── EstablishmentBusyError     another computer reads this establishment: leave it out, go on with the others
    ├── StoppedError               a person or the system asked the run to stop
    └── SetupError                 stop and tell a person: nothing changes by itself
        ├── BadTokenError · ContractVersionError · FeedError · ErpSetupError · ErpFullError
        ├── ErpCommittedError      the ERP's own code committed half-way ; what it committed is remembered, the run ends
        ├── ErpUndoneError         the ERP undid the whole transaction for one record ; written again without it
        ├── LayoutError
        └── SettingsError · RunInProgressError · NotConfiguredError

Foreign exceptions are translated where they come in: hub client, databases, files. Every code has a pt-BR sentence in
`agent/messages/pt.py`, which says what happened and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime


class OmnisyncError(Exception):
    """Something a person may have to know about: `code` names its sentence, `words` fill it."""

    code = "internal"

    def __init__(self, code: str | None = None, **words: object) -> None:
        self.code = code or type(self).code
        self.words = words
        super().__init__(self.code)


class TemporaryError(OmnisyncError):
    """Worth trying again with backoff."""

    code = "temporary"


class HubUnreachableError(TemporaryError):
    """No answer from the hub, or an answer that is not the hub's own."""

    code = "hub_unreachable"


class HubBusyError(TemporaryError):
    """The hub asks for a pause; `retry_at` is the moment it named, if it named one."""

    code = "rate_limited"

    def __init__(self, code: str | None = None, *, retry_at: datetime | None = None, **words: object) -> None:
        super().__init__(code, **words)
        self.retry_at = retry_at


class ErpBusyError(TemporaryError):
    """The ERP's database is locked, chose us in a deadlock, or the connection was lost."""

    code = "erp_busy"


class ErpRowInUseError(ErpBusyError):
    """A row is held by another session of the ERP's database for longer than we wait: its record waits, alone."""


class OutboxLostError(TemporaryError):
    """The file of what was sent out was broken; it was begun anew, and the next export sends everything again."""

    code = "outbox_lost"


class RecordError(OmnisyncError):
    """One record cannot enter; its neighbours go on."""

    code = "record"


class RefusedRecordError(RecordError):
    """The record itself is wrong: refused with a reason."""

    code = "refused"


class OvertakenError(OmnisyncError):
    """Another run moved this stream's cursor; its work stands, this one stops."""

    code = "overtaken"


class EstablishmentBusyError(OmnisyncError):
    """Another computer is importing the establishment; its orders enter there, ours go on with the others."""

    code = "establishment_busy"


class StoppedError(OmnisyncError):
    """Someone asked the run to stop; what was written stays."""

    code = "cancelled"


class SetupError(OmnisyncError):
    """A person must act: trying again changes nothing."""

    code = "setup"


class BadTokenError(SetupError):
    """The hub does not know the token, or no longer."""

    code = "token_refused"


class ContractVersionError(SetupError):
    """Hub and agent speak different versions of the contract."""

    code = "agent_too_old"


class FeedError(SetupError):
    """The hub answers, but not as the contract says."""

    code = "hub_broken"


class ErpSetupError(SetupError):
    """The ERP's database refuses us: login, rights, a missing table or column."""

    code = "destination_unreachable"


class ErpCommittedError(ErpSetupError):
    """The layout's own statement ended our transaction: `records` stand in the ERP, and are remembered apart."""

    code = "erp_committed"

    def __init__(self, code: str | None = None, *, records: Sequence[object] = (), **words: object) -> None:
        super().__init__(code, **words)
        self.records = records


class ErpUndoneError(SetupError):
    """The ERP's database ended our whole transaction because of one record: nothing of it stands, no mark either.

    It stops a run only where a slice of one record is undone without that record being written.
    """

    code = "destination_undone"


class LayoutError(SetupError):
    """A layout says something that cannot be: the sentence names the place."""

    code = "layout"


class ErpFullError(SetupError):
    """The ERP's disk is full."""

    code = "destination_full"


class SettingsError(SetupError):
    """A setting is missing or wrong."""

    code = "settings"


class NotConfiguredError(SetupError):
    """There is no such connection on this computer yet."""

    code = "not_configured"


class RunInProgressError(SetupError):
    """This connection already has a run going."""

    code = "run_in_progress"
