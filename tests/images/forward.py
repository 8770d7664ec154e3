"""Standard input and output to a port of this computer, and back: what QEMU starts for each connection."""

import os
import select
import socket
import sys

with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as line:
    heard = [0, line.fileno()]
    while line.fileno() in heard:
        for source in select.select(heard, [], [])[0]:
            data = os.read(source, 65536)
            if not data:
                heard.remove(source)
                if source == 0:
                    line.shutdown(socket.SHUT_WR)
            elif source == 0:
                line.sendall(data)
            else:
                os.write(1, data)
