"""What a service is called, by its command and its folder."""

from pathlib import Path

import pytest

from chaosnetra.trying.naming import name_of


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("shop.main:app", "shop.main:app"),
        ("python app.py", "app.py"),
        ("python3.12 -u app.py --port {port}", "app.py"),
        (".venv/bin/python -m shop", "shop"),
        ("python -m shop.web", "shop.web"),
        ("python -m uvicorn shop.web:app --port {port}", "shop.web:app"),
        ("env A=b .venv/bin/uvicorn shop.web:make()", "shop.web:make()"),
        ("gunicorn --bind 127.0.0.1:{port} shop.web", "shop.web"),
        ("node --enable-source-maps dist/server.js", "server.js"),
        ("java -jar target/orders.jar", "orders.jar"),
        ("./orders serve", "orders"),
        ("orders-server", "orders-server"),
        ("npm start", "the-folder"),
        ("python gone.py", "the-folder"),
        ("python", "the-folder"),
    ],
)
def test_a_service_is_called_after_what_is_its_own(tmp_path: Path, command: str, name: str) -> None:
    folder = tmp_path / "the-folder"
    for file in (
        *("app.py", "shop/__main__.py", "shop/web.py", "dist/server.js", "target/orders.jar"),
        *("orders", ".venv/bin/uvicorn", ".venv/bin/python"),
    ):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    assert name_of(command.split(), folder) == name
