"""The Sentry envelope that the benchmark sends: one error event of about 7 kB, as sentry-python writes it."""

import msgspec

_BREADCRUMBS = 20

# Stands in the envelope wherever the event id belongs; the load generator writes a fresh one there for each request.
EVENT_ID_PLACEHOLDER = b"0" * 32


def error_envelope() -> bytes:
    """Make an envelope with one error event of about 7 kB, as sentry-python sends it."""
    event_id = EVENT_ID_PLACEHOLDER.decode()
    event = msgspec.json.encode(_error_event(event_id))
    header = msgspec.json.encode({"event_id": event_id, "sent_at": "2026-05-28T21:46:40.000000Z"})
    item_header = msgspec.json.encode({"type": "event", "content_type": "application/json", "length": len(event)})
    return b"\n".join((header, item_header, event, b""))


def _error_event(event_id: str) -> dict[str, object]:
    return {
        "event_id": event_id,
        "timestamp": "2026-05-28T21:46:40.000000Z",
        "platform": "python",
        "level": "error",
        "logger": "checkout.orders",
        "transaction": "/api/orders/{order_id}",
        "server_name": "checkout-7d9f5c6b8-x2lqz",
        "release": "checkout@2.14.3",
        "environment": "production",
        "sdk": {"name": "sentry.python.fastapi", "version": "2.44.0", "packages": [{"name": "sentry-sdk"}]},
        "user": {"id": 4711, "email": "someone@example.com", "ip_address": "203.0.113.7"},
        "tags": {"customer.tier": "gold", "region": "eu-central-1", "feature.new_cart": "true"},
        "contexts": {
            "trace": {
                "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                "span_id": "00f067aa0ba902b7",
                "op": "http.server",
            },
            "runtime": {"name": "CPython", "version": "3.13.1"},
        },
        "request": {
            "method": "POST",
            "url": "https://shop.example.com/api/orders/4711",
            "headers": {"Accept": "application/json", "Host": "shop.example.com", "User-Agent": "Mozilla/5.0"},
        },
        "exception": {"values": [_exception()]},
        "breadcrumbs": {
            "values": [
                {
                    "timestamp": f"2026-05-28T21:46:{second:02d}.000000Z",
                    "type": "http",
                    "category": "httplib",
                    "level": "info",
                    "message": f"GET inventory.internal.example.com/items/{second * 37}",
                    "data": {"method": "GET", "status_code": 200, "reason": "OK"},
                }
                for second in range(_BREADCRUMBS)
            ]
        },
    }


def _exception() -> dict[str, object]:
    return {
        "type": "PaymentDeclined",
        "value": "The card of order 4711 was declined: insufficient funds",
        "module": "checkout.payments",
        "mechanism": {"type": "fastapi", "handled": False},
        "stacktrace": {
            "frames": [
                {
                    "filename": f"checkout/module_{depth}.py",
                    "abs_path": f"/app/checkout/module_{depth}.py",
                    "function": f"handle_{depth}",
                    "module": f"checkout.module_{depth}",
                    "lineno": 40 + depth,
                    "context_line": "    return await self.next(request, order=order)",
                    "in_app": depth > 1,
                    "vars": {"order": "4711", "attempt": "3", "self": "<checkout.orders.Handler object>"},
                }
                for depth in range(6)
            ]
        },
    }
