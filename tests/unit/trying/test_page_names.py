"""Pages that a service's sources name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.trying.page_names import MOST_NAMED, PATHS, NamedPages
from chaosnetra.trying.reading import Source


def paths_of(text: str, *, is_program: bool = False) -> list[str]:
    pages = NamedPages()
    source = Source("app", text, is_program=is_program)
    assert list(pages.noted([source])) == [source]
    return pages.paths()


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ('@app.get("/internal/health")', "/internal/health"),
        ("app.get('/_status', x)\napp.get('/svc/v2/readiness', y)", "/svc/v2/readiness"),
        ('@GetMapping("/ops/ping")', "/ops/ping"),
        ('path("ops/health/", views.health)', "/ops/health/"),
        ('re_path(r"^ops/alive$", views.alive)', "/ops/alive"),
        (
            "HEALTHCHECK CMD curl -f http://localhost:8000/api/v2/healthz || exit 1",
            "/api/v2/healthz",
        ),
        ("      path: /live/ready\n", "/live/ready"),
        ("server:\n  servlet:\n    context-path: /catalog\n", "/catalog/actuator/health"),
        ("server.servlet.context-path=/catalog\n", "/catalog/actuator/health"),
        ('router = APIRouter(prefix="/v3")\n@router.get("/readyz")', "/v3/readyz"),
        ('app.use("/v3", routes)', "/v3/healthz"),
        ('path("v3/", include("v3.urls")),', "/v3/health"),
    ],
)
def test_a_page_of_its_own_is_asked(text: str, page: str) -> None:
    assert page in paths_of(text)


@pytest.mark.parametrize(
    "text",
    [
        'status = "ready"\nlog("server is up")',
        '"/orders/{id}/status"',
        '"/healthy-food" "/uploads/upload"',
        "https://elsewhere.example/health",
    ],
)
def test_what_is_no_page_of_its_own_is_not_asked(text: str) -> None:
    assert set(paths_of(text)) == set(PATHS)


def test_what_says_ready_comes_first_and_the_start_page_last() -> None:
    paths = paths_of('"/my/ping" "/my/health" "/my/ready"')
    assert paths.index("/my/ready") < paths.index("/my/health") < paths.index("/my/ping")
    assert paths.index("/readyz") < paths.index("/my/health") < paths.index("/health")
    assert paths[-1] == "/"
    assert len(paths) == len(set(paths))


def test_texts_of_a_compiled_program_name_no_page() -> None:
    assert set(paths_of('"/ops/health"', is_program=True)) == set(PATHS)


@given(st.text(alphabet='"/ health.ready_pingup=()prefix:\n', max_size=300))
def test_however_much_is_named_few_pages_are_asked(text: str) -> None:
    many = "".join(f' "/n{number}/health"' for number in range(MOST_NAMED * 2))
    assert len(paths_of(text + many)) < 150
