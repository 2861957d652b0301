"""Pure rules: filters, scope, windows, the ledger's law, and the errors."""
