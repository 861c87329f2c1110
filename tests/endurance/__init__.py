"""What a program that people leave alone for hours must bear: being killed, full disks, and the hours themselves."""
