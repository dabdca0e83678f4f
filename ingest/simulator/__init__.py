"""Virtual stations that drive, fail and fall silent like real ones, over real WebSockets."""
