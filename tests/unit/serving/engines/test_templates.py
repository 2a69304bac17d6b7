"""H-RUN-4: chat templates that do not end, grow or reach out are refused, in seconds; usual ones are not."""

import pytest

from pioche.errors import EngineFailed
from pioche.serving.engines.llama import templates
from tests import writers

BOMBS = {
    "range": "{% for a in range(1000000000) %}{% endfor %}",
    "times": "{{ 'a' * 10**9 }}",
    "product": "{{ 'a' * 1000000000 }}",
    "doubled": "{% set ns = namespace(t='a') %}{% for i in range(40) %}{% set ns.t = ns.t + ns.t %}{% endfor %}{{ ns.t }}",
    "recursion": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "flood": "{% for a in range(99999) %}{{ 'a' * 1000 }}{% endfor %}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_h_run_4_a_template_that_is_a_bomb_is_refused(name: str) -> None:
    with pytest.raises(EngineFailed, match="chat template"):
        templates.check(BOMBS[name])


def test_h_run_4_a_template_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """This one would, in a second."""
    monkeypatch.setattr(templates, "_SECONDS_MAX", 0.1)
    with pytest.raises(EngineFailed, match="does not end within"):
        templates.check("{% for a in range(3000) %}{% for b in range(3000) %}{% endfor %}{% endfor %}")


@pytest.mark.parametrize(
    "walk",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.mkdir('MARK') }}",
        "{{ self.__init__.__globals__ }}{{ messages.append(1) }}",
    ],
)
def test_h_run_4_a_template_reaches_nothing(walk: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    mark = tmp_path_factory.mktemp("walk") / "mark"
    templates.check(walk.replace("MARK", str(mark)))  # it is refused inside, which is no fault of ours to tell
    assert not mark.exists()


@pytest.mark.parametrize(
    "usual",
    [
        writers.TEMPLATE,
        "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m['content'] | trim }}{{ eos_token }}{% endfor %}",
        "{% if messages[0]['role'] != 'system' %}{{ raise_exception('a system message is needed') }}{% endif %}",
        "{%- for m in messages -%}{%- if loop.first -%}{% continue %}{%- endif -%}{{ strftime_now('%d') }}{%- endfor -%}",
        "{% this is none",
    ],
)
def test_usual_templates_are_taken(usual: str) -> None:
    templates.check(usual)
