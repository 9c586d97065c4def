"""The language server as an editor has it: a process, spoken to by pytest-lsp. A plugin of the tests that name it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

ROOT = Path(__file__).parents[2]


@pytest_lsp.fixture(
    config=ClientServerConfig(
        server_command=[sys.executable, "-m", "archspec", "lsp"],
        server_env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
)
async def client(lsp_client: LanguageClient, tmp_path: Path):  # type: ignore[no-untyped-def]
    @lsp_client.feature(lsp.CLIENT_REGISTER_CAPABILITY)
    def register(params: lsp.RegistrationParams) -> None:
        pass

    capabilities = client_capabilities("visual-studio-code")
    folder = lsp.WorkspaceFolder(tmp_path.as_uri(), "tests")
    await lsp_client.initialize_session(
        lsp.InitializeParams(capabilities=capabilities, workspace_folders=[folder], root_uri=folder.uri)
    )
    yield
    await lsp_client.shutdown_session()
