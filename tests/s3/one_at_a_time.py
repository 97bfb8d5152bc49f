"""An S3 server (moto) that answers one request at a time.

Real S3 makes create-if-absent one step; moto looks first and writes then, and two requests at
once can both be told that they created an object.
"""

import sys
import threading

from moto import server

ONE = threading.Lock()


class OneAtATime(server.DomainDispatcherApplication):
    def __call__(self, environ, start_response):
        with ONE:
            return list(super().__call__(environ, start_response))


server.DomainDispatcherApplication = OneAtATime
server.main(sys.argv[1:])
