"""The client's calls about how a Space runs, on a hub that runs no apps: what is asked is kept all the same."""

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import BadRequestError, HfHubHTTPError

from tests.hub import Hub

pytestmark = pytest.mark.filterwarnings("ignore:If your Space runs on the default")


def test_hardware_templates_and_what_is_asked_of_a_space(hub: Hub) -> None:
    ada = hub.user(hub.name("ada"))
    api, name = HfApi(hub.endpoint, token=ada.token), f"{ada.name}/demo"
    assert [flavour.name for flavour in api.list_spaces_hardware()] == ["cpu-basic"]
    (template,) = api.list_space_templates()
    assert (template.name, template.sdk) == ("Blank", "gradio")
    api.create_repo(
        name,
        repo_type="space",
        space_template="Blank",
        space_sleep_time=120,
        space_hardware="cpu-basic",
        space_variables=[{"key": "COLOUR", "value": "blue", "description": "of the page"}],
        space_secrets=[{"key": "KEY", "value": "secret"}],
    )
    assert set(api.list_repo_files(name, repo_type="space")) == {".gitattributes", "README.md", "app.py"}
    runtime = api.get_space_runtime(name)
    assert (runtime.stage, runtime.requested_hardware, runtime.sleep_time) == ("STOPPED", "cpu-basic", 120)
    assert api.get_space_variables(name)["COLOUR"].description == "of the page"
    assert set(api.get_space_secrets(name)) == {"KEY"}
    api.delete_space_variable(name, "COLOUR")
    api.delete_space_secret(name, "KEY")
    assert api.get_space_variables(name) == {}
    assert api.get_space_secrets(name) == {}
    with pytest.raises(HfHubHTTPError, match="no variable 'COLOUR'"):
        api.delete_space_variable(name, "COLOUR")
    with pytest.raises(BadRequestError, match="it has cpu-basic"):
        api.request_space_hardware(name, "a100-large")
    assert api.request_space_hardware(name, "cpu-basic", sleep_time=300).sleep_time == 300
    with pytest.raises(HfHubHTTPError, match="runs no apps"):
        list(api.fetch_space_logs(name))


def test_what_is_asked_of_what_is_no_space_is_refused(hub: Hub) -> None:
    ada = hub.user(hub.name("ada"))
    api, name = HfApi(hub.endpoint, token=ada.token), f"{ada.name}/demo"
    with pytest.raises(BadRequestError, match="it has cpu-basic"):
        api.create_repo(name, repo_type="space", space_sdk="gradio", space_hardware="t4-small")
    assert not api.repo_exists(name, repo_type="space")
    with pytest.raises(HfHubHTTPError):
        api.get_space_runtime(name)
