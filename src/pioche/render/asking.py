"""What a worker says to the hub, in the first byte of a message: RESULT, and the encoded result (nothing where the job
failed); or WANTS, and the RANGE of the file that it asks for, which is answered with those bytes."""

import struct

RESULT = b"\0"
WANTS = b"\1"
RANGE = struct.Struct(">QQ")
