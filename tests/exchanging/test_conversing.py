"""What follows on an answer, without a socket."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from tymeconn.errors import HookError, InvalidRequest, NoResponse, RedirectRefused, TooManyRedirects
from tymeconn.exchanging.conversing import Conversation, Manner
from tymeconn.exchanging.repeating import Repeater
from tymeconn.policy.authorizing import Basic, make_auth
from tymeconn.policy.retrying import Retry
from tymeconn.tyming.clocks import Calendar
from tymeconn.wire.cookies import CookieJar
from tymeconn.wire.messages import Response
from tymeconn.wire.redirecting import Follow
from tymeconn.wire.requesting import make_request
from tymeconn.wire.urls import split


def ask(method="GET", url="http://a.test/x", manner=None, **options):
    return Conversation(make_request(method, split(url), **options), manner or Manner())


def answered(request, status=200, *fields):
    return Response((1, 1), status, "", CIMultiDict(fields), b"", None, request, False, None)


def talk(conversation, *answers):
    """Let each request have the next answer; return the requests."""
    requests = []
    for status, *fields in answers:
        assert conversation.onward
        requests.append(conversation.begin())
        conversation.heed(answered(requests[-1], status, *fields))
    return requests


def retrying(url="http://a.test/x", draw=lambda name, count: 0.5, **options):
    """Return a conversation whose request may go out again."""
    calendar = Calendar(lambda: 0.0, 0.0)
    repeater = Repeater(draw, calendar, lambda: 0.0, lambda: 0.0)
    attempts = repeater.attempts(Retry(**options), 99.0)
    return Conversation(make_request("GET", split(url)), Manner(), attempts)


def to(location, status=302):
    return (status, ("Location", location))


def test_the_last_answer_ends_it():
    """An answer that asks for nothing is the last."""
    conversation = ask()
    (request,) = talk(conversation, (200,))
    assert not conversation.onward
    response = answered(request)
    assert conversation.conclude(response) is response


def test_redirects_are_followed_and_remembered():
    """The last answer knows those before it."""
    conversation = ask()
    requests = talk(conversation, to("/y"), to("//b.test/z"), (200,))
    assert [str(request.url) for request in requests] == [
        "http://a.test/x",
        "http://a.test/y",
        "http://b.test/z",
    ]
    for request in requests[:2]:
        conversation.remember(answered(request, 302))
    last = conversation.conclude(answered(requests[2]))
    assert [response.status for response in last.history] == [302, 302]


def test_redirects_may_be_handed_over():
    """With none to follow the first one is the answer."""
    conversation = ask(manner=Manner(follow=Follow(most=0)))
    talk(conversation, to("/y"))
    assert not conversation.onward


def test_too_many_redirects():
    """One more than are followed is an error."""
    conversation = ask(manner=Manner(follow=Follow(most=2)))
    with pytest.raises(TooManyRedirects):
        talk(conversation, *[to("/y")] * 3)


def test_refused_redirect():
    """Where no request may go, none goes."""
    with pytest.raises(RedirectRefused):
        talk(ask(url="https://a.test/"), to("http://a.test/"))


def test_auth_goes_to_its_origin_only():
    """Another origin is told nothing, nor is the first when it was another that led back."""
    conversation = ask(manner=Manner(auth=Basic("u", "p")))
    requests = talk(conversation, to("/y"), to("http://b.test/"), to("http://a.test/z"), (200,))
    assert ["authorization" in request.headers for request in requests] == [True, True, False, False]


def test_auth_goes_along_to_https():
    """The same host over https, both at their default ports, is trusted like the first."""
    conversation = ask(manner=Manner(auth=Basic("u", "p")))
    _, secure = talk(conversation, to("https://a.test/y"), (200,))
    assert "authorization" in secure.headers


class Challenged:
    """Learns something from every 401."""

    def __init__(self):
        self.learned = 0

    def fields(self, request):
        return {"Authorization": f"Test {self.learned}"}

    def challenged(self, request, response):
        self.learned += 1
        return True


def test_challenge_is_answered():
    """The same request goes again with what the challenge told."""
    conversation = ask("POST", manner=Manner(auth=Challenged()), body=b"x")
    first, second = talk(conversation, (401,), (200,))
    assert [request.headers["authorization"] for request in (first, second)] == ["Test 0", "Test 1"]
    assert second.body == b"x"


def test_challenges_end():
    """A server that is never content gets the request three times."""
    conversation = ask(manner=Manner(auth=Challenged()))
    talk(conversation, (401,), (401,), (401,))
    assert not conversation.onward


def test_challenge_to_nobody():
    """Without auth, or with one that has nothing to add, the 401 is the answer."""
    for auth in (None, Basic("u", "p")):
        conversation = ask(manner=Manner(auth=auth))
        talk(conversation, (401,))
        assert not conversation.onward


def test_spent_body_is_not_sent_again():
    """A challenge to a request whose body is gone is the answer."""
    conversation = ask("POST", manner=Manner(auth=Challenged()), body=iter([b"x"]))
    request = conversation.begin()
    list(request.source.begin())
    assert not conversation.heed(answered(request, 401))


def test_auth_that_raises():
    """What the caller's function raises ends the exchange, before it is sent and after a challenge."""
    with pytest.raises(HookError) as caught:
        ask(manner=Manner(auth=make_auth(lambda request: 1 / 0))).begin()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert str(caught.value.origin) == "http://a.test"
    auth = Challenged()
    auth.challenged = lambda request, response: 1 / 0
    with pytest.raises(HookError):
        talk(ask(manner=Manner(auth=auth)), (401,))


def test_auth_that_says_what_cannot_be_sent():
    """A field that may not be sent is the function's error."""
    with pytest.raises(HookError) as caught:
        ask(manner=Manner(auth=make_auth(lambda request: {"X": "a\nb"}))).begin()
    assert isinstance(caught.value.__cause__, InvalidRequest)


def test_expectation_that_failed():
    """A 417 is answered with the same request without the expectation (RFC 9110 15.5.18)."""
    conversation = ask("PUT", body=b"x", headers={"Expect": "100-continue"})
    first, second = talk(conversation, (417,), (417,))
    assert ("expect" in first.headers, "expect" in second.headers) == (True, False)
    assert not conversation.onward


def test_cookies_are_taken_and_served():
    """What an answer sets goes with the next request to whom it is for, unless the caller says it."""
    jar = CookieJar()
    manner = Manner(cookies=jar, calendar=Calendar(lambda: 0.0, 1_800_000_000.0))
    conversation = ask(manner=manner, headers={"Cookie": "own=1; c=mine"})
    answers = [
        (
            302,
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "c=3"),
            ("set-cookie", "b=2; Path=/y"),
            ("Location", "/y"),
        ),
        to("http://b.test/"),
        (200,),
    ]
    requests = talk(conversation, *answers)
    assert [request.headers.get("cookie") for request in requests] == [
        "own=1; c=mine",
        "own=1; c=mine; b=2; a=1",
        None,
    ]


@pytest.mark.parametrize("parts", [{"cookies": {}}, {"follow": True}, {"follow": None}])
def test_wrong_manner(parts):
    """What is of another type is named."""
    with pytest.raises(TypeError):
        Manner(**parts)


def test_answers_that_are_tried_again():
    """The same request goes out, after a delay; a redirect needs none."""
    conversation, delays = retrying(), []
    for answer in ((503,), to("/y"), (429,), (200,)):
        talk(conversation, answer)
        delays.append(conversation.delay)
    assert delays == [0.25, None, 0.5, None]
    assert not conversation.onward


def test_errors_that_are_tried_again():
    """An error leads on as an answer does, until there were enough."""
    conversation, error = retrying(), NoResponse("ended")
    error.sent, error.phase = 1, "receiving"
    assert [conversation.persists(conversation.begin(), error) for _ in range(3)] == [True, True, False]
    assert not conversation.onward
    assert (conversation.failed(error).replayed, error.phase) == (True, "receiving")


def test_statuses_that_are_looked_at():
    """An answer that may be tried again is not the last whatever its head says."""
    assert [retrying(statuses={500}).ends_with(status) for status in (200, 500, 503)] == [True, False, True]
    assert ask().ends_with(503)


def test_requests_that_are_counted():
    """What goes out for the first time adds to the budget, what goes out again does not."""
    conversation = retrying(share=1.0, saved=1, spare=0.0, attempts=9)
    for _ in range(2):
        talk(conversation, (503,))
    assert not conversation.onward


def test_chance_that_raises():
    """It ends the call as the caller's own mistake."""
    conversation = retrying(draw=lambda name, count: 1 / 0)
    request = conversation.begin()
    with pytest.raises(HookError) as caught:
        conversation.heed(answered(request, 503))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_retry_of_the_wrong_type():
    """It is refused when the manner is made."""
    with pytest.raises(TypeError, match="retry"):
        Manner(retry=3)
