"""The pages around likes, followers and watching (ui.md R1, R3, R8, U4). Everything works without scripts, by forms."""
