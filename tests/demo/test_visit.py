"""What a visitor carries fits a cookie, survives it, and damage to the cookie harms nobody."""

from hypothesis import given
from hypothesis import strategies as st

from server.demo import visit
from server.demo.visit import Line, Visit

ids = st.text(min_size=1, max_size=128)
lines = st.builds(Line, ids, st.integers(1, 99))
visits = st.builds(
    Visit, cart=st.lists(lines, max_size=40).map(tuple), likes=st.lists(ids, max_size=60).map(tuple), shopper_id=ids
)


@given(visits)
def test_any_visit_fits_a_cookie_and_comes_back(before: Visit) -> None:
    cookie = visit.write(before)
    assert len(cookie) <= 3800
    assert cookie.isascii() and not set(cookie) & set(' ";,\\')
    after = visit.read(cookie)
    assert after.shopper_id == before.shopper_id
    assert after.cart == before.cart[len(before.cart) - len(after.cart) :]
    assert after.likes == before.likes[: len(after.likes)]


@given(st.one_of(st.none(), st.text(max_size=50), st.binary(max_size=50).map(lambda raw: raw.hex())))
def test_a_damaged_cookie_is_an_empty_visit(cookie: str | None) -> None:
    assert isinstance(visit.read(cookie), Visit)


def test_a_forged_cookie_brings_no_absurd_quantities() -> None:
    assert visit.read(visit.write(Visit(cart=(Line("shirt", 10**9),)))) == Visit()
    assert visit.read(visit.write(Visit(cart=(Line("", 1),)))) == Visit()


def test_the_cart_adds_up_changes_and_empties() -> None:
    here = Visit().with_line("shirt", 2).with_line("hat", 1).with_line("shirt", 5)
    assert here.cart == (Line("shirt", 5), Line("hat", 1))
    assert here.pieces == 6
    assert here.with_line("shirt", 0).cart == (Line("hat", 1),)
    assert here.with_line("shirt", 1000).quantity_of("shirt") == visit.MOST_OF_ONE


def test_another_person_does_not_find_the_cart_of_the_one_before() -> None:
    here = Visit().with_line("shirt", 2).with_like("hat", True)
    assert here.signed_in("12748", 209) == Visit(shopper_id="12748", orders=209)
    assert here.signed_in("", 0) == here


def test_the_newest_like_comes_first_and_likes_are_bounded() -> None:
    here = Visit()
    for number in range(visit.MOST_LIKES + 10):
        here = here.with_like(f"item-{number}", True)
    assert len(here.likes) == visit.MOST_LIKES
    assert here.likes[0] == f"item-{visit.MOST_LIKES + 9}"
    assert f"item-{visit.MOST_LIKES}" not in here.with_like(f"item-{visit.MOST_LIKES}", False).likes
