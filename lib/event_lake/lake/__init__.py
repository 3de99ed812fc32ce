"""The lake in its folder: its tables, its sessions, its checkpoints, and the right to write it."""
