"""What stands around destructive calls: confirmation, approval, and the audit log."""
