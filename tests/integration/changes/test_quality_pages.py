"""Ten thousand violations of one rule, paged to the end while users change."""

import random
from collections import Counter
from datetime import UTC, datetime

from docustore.database import Database
from docustore.quality.declared import rule_set
from docustore.quality.stored import USER_QUALITY
from docustore.quality.violations import After, violations

NOW = datetime(2026, 5, 1, tzinfo=UTC).replace(tzinfo=None)
USERS = 10_000
PAGE = 100
BETWEEN_PAGES = 5


async def test_pages_under_changes_hold_each_user_once(database: Database) -> None:
    """Users begin and cease to violate the rule between the pages; all others are listed once, in one order."""
    chance, rules = random.Random(1), rule_set({})
    rule, rule_id = rules.find("email_valid"), rules.ids["email_valid"]
    assert rule is not None
    judged = database[USER_QUALITY]
    await judged.insert_many([{"_id": 2 * number, "violated": [rule_id]} for number in range(USERS)])
    healed: set[int] = set()
    added: set[int] = set()

    listed: list[int] = []
    after: After | None = None
    pages = 0
    while pages == 0 or after is not None:
        page = await violations(database, rule, rule_id, after=after, limit=PAGE, now=NOW)
        listed += page.user_ids
        after = None if page.after is None else After.parse(page.after.text)
        pages += 1
        for _ in range(BETWEEN_PAGES):
            gone, new = 2 * chance.randrange(USERS), 2 * chance.randrange(USERS) + 1
            healed.add(gone)
            added.add(new)
            await judged.update_one({"_id": gone}, {"$set": {"violated": []}})
            await judged.update_one({"_id": new}, {"$set": {"violated": [rule_id]}}, upsert=True)

    assert listed == sorted(listed)
    assert [user for user, times in Counter(listed).items() if times > 1] == []
    always = {2 * number for number in range(USERS)} - healed
    assert always <= set(listed)
    assert set(listed) <= always | healed | added
    assert pages >= USERS // PAGE
