"""A page's way into the ERP's tables: decoded, compared, matched, built and written."""
