"""The nginx of the book in front of a house: the shipped file as it is, but for ports, paths and IPv6."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

from tests.system.house import free_port
from tests.system.waiting import until

SHIPPED = Path(__file__).parents[2] / "docs" / "operating" / "nginx.conf"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
# What a distribution's nginx.conf says around the file.
AROUND = """\
{user}
pid {folder}/nginx.pid;
error_log {folder}/logs/error.log info;
worker_processes 1;
daemon off;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/overdue.conf;
}}
"""


class Proxy:
    """A running nginx. `secure` and `plain` are its ports."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self.folder = folder
        self.upstream = upstream
        self.secure, self.plain = free_port(), free_port()
        (folder / "logs").mkdir()
        self._make_certificate()
        user = "user root root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=user))
        (folder / "overdue.conf").write_text(self._configuration())

    @property
    def command(self) -> list[str]:
        return [str(NGINX), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", "stderr"]

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.secure}"

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))

    def connect(self, source: str = "127.0.0.1") -> HTTPSConnection:
        """A connection of a client whose address is `source`."""
        return HTTPSConnection(
            "127.0.0.1", self.secure, timeout=10, context=self.trust, source_address=(source, 0)
        )

    def connect_plainly(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.plain, timeout=10)

    def logged(self) -> str:
        return "".join(file.read_text(errors="replace") for file in (self.folder / "logs").iterdir())

    def _configuration(self) -> str:
        """Every replacement is counted, so that the shipped file cannot change unnoticed."""
        text = SHIPPED.read_text(encoding="utf-8")
        for shipped, here, times in (
            ("127.0.0.1:8000", f"127.0.0.1:{self.upstream}", 1),
            ("    listen 80;", f"    listen 127.0.0.1:{self.plain};", 1),
            ("    listen 443 ssl", f"    listen 127.0.0.1:{self.secure} ssl", 1),
            ("    listen [::]:80;\n", "", 1),
            ("    listen [::]:443 ssl http2;\n", "", 1),
            ("/etc/ssl/overdue/", f"{self.folder}/", 2),
            ("/var/log/nginx/", f"{self.folder}/logs/", 2),
        ):
            assert text.count(shipped) == times, shipped
            text = text.replace(shipped, here)
        return text

    def _make_certificate(self) -> None:
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command += ["-nodes", "-days", "2", "-subj", "/CN=overdue.example.org"]
        command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(self.folder / "fullchain.pem")]
        command += ["-keyout", str(self.folder / "privkey.pem")]
        subprocess.run(command, check=True, capture_output=True)


@contextmanager
def proxying(folder: Path, upstream: int) -> Iterator[Proxy]:
    proxy = Proxy(folder, upstream)
    with subprocess.Popen(proxy.command, stderr=subprocess.PIPE) as process:
        try:
            pid_file = folder / "nginx.pid"
            until(lambda: pid_file.exists() or process.poll() is not None, 10, "nginx runs")
            assert process.poll() is None, process.stderr and process.stderr.read().decode()
            yield proxy
        finally:
            process.terminate()
            process.wait(10)
