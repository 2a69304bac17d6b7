"""Figures: by pattern, never by name."""

from pioche.observe import metrics


def test_requests_are_counted_by_method_route_and_status() -> None:
    for _ in range(3):
        metrics.request("GET", "/pattern/{name}", 200, 0.003)
    metrics.request("BREW-ME-4711", "none", 405, 0.001)
    text = metrics.exposition().decode()
    assert 'pioche_requests_total{method="GET",route="/pattern/{name}",status="200"} 3.0' in text
    assert 'pioche_request_seconds_bucket{le="0.01",method="GET",route="/pattern/{name}"} 3.0' in text
    assert 'method="other",route="none",status="405"' in text
    assert "BREW" not in text
