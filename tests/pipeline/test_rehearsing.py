"""What could never come is refused before anything is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.oauth2.service_account import Credentials

from gee_s1ben.config import load_config
from gee_s1ben.errors import AccessError
from gee_s1ben.pipeline.rehearsing import check_transport
from gee_s1ben.session.connection import GOOGLE_URL, Connection

PRODUCT = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"


@pytest.mark.parametrize(("transport", "refused"), [("drive", True), ("direct", False)])
def test_a_service_account_has_no_room_in_drive(tmp_path: Path, transport: str, refused: bool) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"backend: earthengine\ntiles: [{PRODUCT}]\nexport: {{transport: {transport}}}\n", "utf-8")
    robot = Credentials(None, "robot@p.iam.gserviceaccount.com", "https://oauth2.googleapis.com/token")
    connection = Connection("earthengine", GOOGLE_URL, "p", "1.7.50", credentials=robot)
    if not refused:
        check_transport(load_config(path), connection)
        return
    with pytest.raises(AccessError, match="Drive") as raised:
        check_transport(load_config(path), connection)
    assert "gcs" in str(raised.value)
