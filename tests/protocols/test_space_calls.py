"""The client's calls about how a Space runs, on a hub that runs no apps: what is asked is kept all the same."""

from collections.abc import Callable
from typing import Any

import httpx
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
    wrong: list[dict[str, Any]] = [
        {"space_secrets": [{"key": "1KEY", "value": "x"}]},
        {"space_sleep_time": 2**40},
        {"space_variables": [{"key": "KEY", "value": "1"}], "space_secrets": [{"key": "KEY", "value": "2"}]},
    ]
    for one in wrong:
        with pytest.raises(BadRequestError):
            api.create_repo(name, repo_type="space", space_sdk="gradio", **one)
    assert not api.repo_exists(name, repo_type="space")
    with pytest.raises(HfHubHTTPError):
        api.get_space_runtime(name)


def test_e_space_what_a_secret_is_leaves_the_hub_by_no_answer_and_no_copy(hub: Hub) -> None:
    ada, bob = hub.user(hub.name("ada")), hub.user(hub.name("bob"))
    api, reader = HfApi(hub.endpoint, token=ada.token), HfApi(hub.endpoint, token=bob.token)
    name, copy, secret = f"{ada.name}/demo", f"{bob.name}/copy", "correct-horse-battery"
    api.create_repo(name, repo_type="space", space_sdk="gradio", space_variables=[{"key": "COLOUR", "value": "blue"}])
    api.add_space_secret(name, "KEY", secret, description="of the door")
    assert api.get_space_secrets(name)["KEY"].description == "of the door"
    calls: list[Callable[[str], object]] = [reader.get_space_secrets, reader.get_space_variables, reader.pause_space]
    for call in calls:
        with pytest.raises(HfHubHTTPError) as refused:
            call(name)
        assert refused.value.response.status_code == 403
    with pytest.raises(HfHubHTTPError) as refused:
        list(reader.fetch_space_logs(name))
    assert refused.value.response.status_code == 403
    api.add_space_variable(name, "SIZE", "1")
    reader.duplicate_repo(name, copy, repo_type="space", space_secrets=[{"key": "COLOUR", "value": "red"}])
    assert (set(reader.get_space_variables(copy)), set(reader.get_space_secrets(copy))) == ({"SIZE"}, {"COLOUR"})
    for path in (f"api/spaces/{name}", f"api/spaces/{name}/runtime", f"api/spaces/{name}/secrets", "api/spaces?full=1"):
        answer = httpx.get(f"{hub.endpoint}/{path}", headers={"Authorization": f"Bearer {ada.token}"})
        assert answer.status_code == 200
        assert secret not in answer.text
    assert secret not in httpx.get(f"{hub.endpoint}/spaces/{name}").text
    assert secret not in hub.output()
