"""TLS in front of a real PostgreSQL, whose wheel is built without it: certificates and a front."""

import contextlib
import datetime as dt
import ipaddress
import select
import socket
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)
from cryptography.x509.oid import NameOID

SSL_REQUEST = bytes.fromhex("0000000804d2162f")


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


class Authority:
    """A certificate authority of a test; its certificate is in `file`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = name
        certificate = self._signed(name, self._key.public_key(), is_authority=True)
        self.pem = certificate.public_bytes(Encoding.PEM)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.pem)

    def server(self, folder: Path, host: str) -> Path:
        """A file with the key and the certificate of a server of that name, or IP address."""
        key = ec.generate_private_key(ec.SECP256R1())
        path = folder / f"{self._name}-{host}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        certificate = self._signed("project:instance", key.public_key(), host=host)
        path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        return path

    def client(self, public_key: str) -> str:
        """A certificate for somebody's key."""
        key = load_pem_public_key(public_key.encode())
        assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
        certificate = self._signed("client", key)
        return certificate.public_bytes(Encoding.PEM).decode()

    def _signed(
        self,
        name: str,
        key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        *,
        is_authority: bool = False,
        host: str = "",
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(self._name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        if host:
            alternative = x509.SubjectAlternativeName([_host(host)])
            builder = builder.add_extension(alternative, critical=False)
        return builder.sign(self._key, hashes.SHA256())


@dataclass
class TlsFront:
    """Ends TLS as PostgreSQL does, and hands what comes on to a server without it.

    Who asks for no TLS is handed on as it is.

    Attributes:
        upstream: that server.
        context: certificates.
        at_once: TLS begins with the first byte, as on Cloud SQL's port 3307.
    """

    upstream: tuple[str, int]
    context: ssl.SSLContext
    at_once: bool = False

    def __enter__(self) -> "TlsFront":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            first = b"" if self.at_once else client.recv(8)
            if first not in (b"", SSL_REQUEST):  # as who cancels a query may
                with socket.create_connection(self.upstream) as far:
                    far.sendall(first)
                    _exchange(client, far)
                return
            if first:
                client.sendall(b"S")
            with (
                self.context.wrap_socket(client, server_side=True) as near,
                socket.create_connection(self.upstream) as far,
            ):
                _exchange(near, far)


def _exchange(near: socket.socket, far: socket.socket) -> None:
    """Hand on what either sends, until one of them ends."""
    while True:
        pending = isinstance(near, ssl.SSLSocket) and near.pending()
        for source in [near] if pending else select.select([near, far], [], [])[0]:
            data = source.recv(65536)
            if not data:
                return
            (far if source is near else near).sendall(data)


def server_context(file: Path, clients: Path | None = None) -> ssl.SSLContext:
    """Of a server; `clients`: the authority whose clients alone it lets in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context
