"""A mail server for the real-servers suite: aiosmtpd on a free loopback port.

    python aiosmtpd_host.py MODE FOLDER USER PASSWORD

FOLDER holds cert.pem and key.pem, and gets every accepted mail as N.eml, behind it N.to with the
recipients. MODE is `smtps`, `starttls`, `plain`, or `hangup`, which is `smtps` that closes the
connection in the middle of each mail. The port is the first line of the output.
"""

import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

mode, folder, user, password = sys.argv[1:]
folder = pathlib.Path(folder)
tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(folder / "cert.pem", folder / "key.pem")


class Keeper:
    """Keeps what arrives."""

    def __init__(self):
        self.count = 0

    async def handle_DATA(self, server, session, envelope):
        if mode == "hangup":
            server.transport.close()
            return "421 gone"
        self.count += 1
        (folder / f"{self.count}.to").write_text("\n".join(envelope.rcpt_tos))
        (folder / f"{self.count}.eml").write_bytes(envelope.content)
        return "250 kept"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == user.encode() and data.password == password.encode()
    return AuthResult(success=good, handled=True if good else False)


def connection():
    offers_tls = tls if mode == "starttls" else None
    return SMTP(
        keeper,
        hostname="mail.example.com",
        tls_context=offers_tls,
        require_starttls=mode == "starttls",
        auth_required=mode != "plain",
        auth_require_tls=mode == "starttls",
        authenticator=authenticate,
        enable_SMTPUTF8=True,
    )


async def main():
    implicit = tls if mode in ("smtps", "hangup") else None
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=implicit)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


keeper = Keeper()
asyncio.run(main())
