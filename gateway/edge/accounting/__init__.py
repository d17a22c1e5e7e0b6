"""What a process keeps of each key and environment: what they may send, what they sent, what was refused."""
