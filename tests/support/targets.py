"""Targets for a launcher: what they print on, answer and read."""

from chaosnetra.addresses import DatabaseAddress

DATABASE = DatabaseAddress("127.0.0.1", 1, "user", "the-password", "base")
TCP = "tcp://127.0.0.1:{port}"
HTTP = "http://127.0.0.1:{port}/ready"

# A service; `answer` says with which status each request is answered, and after how long.
SERVE = """
import http.server, os, sys, time

asked = 0

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global asked
        asked += 1
        status, seconds = answer(asked, self.path)
        time.sleep(seconds)
        self.send_response(status)
        self.end_headers()

    def log_message(self, *arguments):
        pass

def answer(number, path):
    return (200 if path == "/ready" else 404), 0

def serve():
    address = ("127.0.0.1", int(os.environ["PORT"]))
    http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""
