"""An answer that is an error, as gRPC knows it."""

import grpc


class Refused(Exception):
    """Ends a call with a status code and a text.

    Args:
        code: name of a gRPC status code, such as `NOT_FOUND`.
        text: what the caller reads.
    """

    def __init__(self, code: str, text: str) -> None:
        self.code = grpc.StatusCode[code]
        self.text = text
        super().__init__(f"{code}: {text}")

    @property
    def number(self) -> int:
        """The code as `google.rpc.Status` has it."""
        number: int = self.code.value[0]
        return number
