"""Workers on the nodes of a Ray cluster, each an application of Ray Serve. Ray places them and starts them again elsewhere when
a node is lost; what they are, how many there are and who asks them is the hub's."""
