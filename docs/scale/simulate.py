#!/usr/bin/env python3
"""What ten thousand organisations, a million sessions and thirty nodes ask of the nodes and of the database.

    simulate.py           prints every table of docs/SCALE.md
    simulate.py --write   writes them into the page
    simulate.py --check   exit 1 if the page says something else

No clock and no chance from outside: the same inputs give the same figures. Whoever measures anew changes INPUTS alone.
"""

import math
import random
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "SCALE.md"

# name: (value, unit, what, where it is from)
INPUTS = {
    "organisations": (10_000, "", "organisations", "asked"),
    "sessions": (1_000_000, "", "sessions at the busiest time of the day", "asked"),
    "largest": (100_000, "", "sessions of the largest organisation", "asked"),
    "nodes": (30, "", "nodes", "asked"),
    "node_cores": (8, "", "processors of a node", "chosen"),
    "db_cores": (32, "", "processors of the database", "chosen"),
    "types": (10, "", "reported licence types that an organisation's users have", "chosen"),
    "records_login": (3, "", "usage records of a login: a seat and two channels", "[PERFORMANCE](PERFORMANCE.md), durable logins"),
    "changes": (6, "", "channels that an agent takes or gives back in a day, beside login and logout", "chosen"),
    "node_us_login": (94, "µs", "processor time of a node for a login with its socket", "[PERFORMANCE](PERFORMANCE.md), quiet machine: 93 to 94"),
    "tls_us": (500, "µs", "processor time of a node for a full TLS handshake", "assumed; 0 where the balancer does it"),
    "session_kib": (6.4, "KiB", "resident memory of a session", "[PERFORMANCE](PERFORMANCE.md), mass logins"),
    "decide_us": (2.13, "µs", "one organisation's actor, for a login (469,467/s)", "[PERFORMANCE](PERFORMANCE.md), durable_logins"),
    "load_us_session": (18.1, "µs", "loading an open session at a takeover (60,000 in 1.086 s)", "[PERFORMANCE](PERFORMANCE.md), durable_logins; SQLite"),
    "load_questions": (11, "", "questions to the database that loading an organisation takes", "`store/postgres/load.rs`"),
    "rtt_ms": (0.5, "ms", "a round trip to the database", "assumed: same site"),
    "commit_ms": (8.8, "ms", "a commit of one login, made durable (SQLite in the same run: 5.8)", "`cargo bench --bench durable_logins -- postgres`, busy machine"),
    "db_us_commit": (1_300, "µs", "processor time of the database for a commit as such", "the same: 1,395 with one login in it"),
    "db_us_row": (20, "µs", "and for each row in it", "the same: 74 to 92 for a login (4 rows) in commits of 100 and more, users made included"),
    "wal_row": (700, "bytes", "write-ahead log for each row", "statements by hand on the schema: 2,640 for a login in commits of 100"),
    "disk_row": (355, "bytes", "table and indexes for a usage record", "the same"),
    "lease_s": (3.0, "s", "a node's lease", "default of `--lease-s`"),
    "renewals": (4, "", "renewals in a lease", "`cluster/mod.rs`"),
    "poll_s": (0.5, "s", "between two looks at who has what", "`actor/directory/estate.rs`"),
    "heartbeat_s": (15, "s", "heartbeat", "default of `--heartbeat-s`"),
    "adoptions": (8, "", "organisations that a node loads at a time: 32 are claimed at once, 8 connections read", "`actor/directory/estate.rs`, `store/postgres/connections.rs`"),
    "connections": (18, "", "connections of a node to the database, at most", "`store/postgres/connections.rs`"),
    "lost_organisations": (500, "", "organisations of the node that is lost", "asked"),
    "backoff_ms": (500, "ms", "first bound of a client's full-jitter back-off, doubling", "`static/client.js`"),
    "unsettled_ms": (1_000, "ms", "its bound while nodes send it to each other, for eight attempts", "`static/client.js`"),
}
V = {name: entry[0] for name, entry in INPUTS.items()}

MINUTES = 24 * 60
# Centre in minutes after midnight, spread (standard deviation), share of all agents.
ARRIVALS = [(8 * 60, 5, 0.15), (9 * 60, 5, 0.70), (10 * 60, 5, 0.15)]
DEPARTURES = [(16 * 60 + 30, 10, 0.15), (17 * 60 + 30, 10, 0.70), (18 * 60 + 30, 10, 0.15)]
LUNCH_SHARE, LUNCH_OUT, LUNCH_BACK = 0.4, (12 * 60 + 15, 15), (13 * 60, 15)
WORK = (9 * 60, 17 * 60)


def bell(minute, centre, spread):
    """The share of a bell curve that falls into this minute."""

    def below(x):
        return 0.5 * (1 + math.erf((x - centre) / (spread * math.sqrt(2))))

    return below(minute + 1) - below(minute)


def per_second(minute):
    """Logins, logouts and changes of channels in a second of this minute."""
    agents = V["sessions"]
    logins = sum(share * bell(minute, centre, spread) for centre, spread, share in ARRIVALS)
    logins += LUNCH_SHARE * bell(minute, *LUNCH_BACK)
    logouts = sum(share * bell(minute, centre, spread) for centre, spread, share in DEPARTURES)
    logouts += LUNCH_SHARE * bell(minute, *LUNCH_OUT)
    begin, end = WORK
    changes = V["changes"] / ((end - begin) * 60) if begin <= minute < end else 0
    return agents * logins / 60, agents * logouts / 60, agents * changes


def database(logins, logouts, changes):
    """What a second of it writes: commits, rows, processors, megabytes of write-ahead log.

    A node has one commit under way; whatever comes meanwhile is in the next. Each event is a batch of its own but
    for the largest organisations, so its organisation's row moves on as well.
    """
    events = logins + logouts + changes
    rows = (logins + logouts) * (V["records_login"] + 2) + changes * 3
    of_node = events / V["nodes"]
    if events == 0:
        return 0, 0, 0, 0
    row_s = rows / events * V["db_us_row"] / 1e6
    busy = of_node * row_s
    together = max(1, of_node * V["commit_ms"] / 1e3 / max(0.05, 1 - busy))
    commits = events / together
    cores = commits * V["db_us_commit"] / 1e6 + rows * V["db_us_row"] / 1e6
    return commits, rows, cores, rows * V["wal_row"] / 1e6


def number(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def inputs():
    return table(
        ["input", "value", "what", "from"],
        [(f"`{name}`", f"{value:,} {unit}".strip(), what, source) for name, (value, unit, what, source) in INPUTS.items()],
    )


def day():
    minutes = [(minute, per_second(minute)) for minute in range(MINUTES)]
    peak, rates = max(minutes, key=lambda entry: entry[1][0])
    rows = []
    for hour in range(7, 19):
        of_hour = [per_second(hour * 60 + minute) for minute in range(60)]
        mean = [sum(kind) / 60 for kind in zip(*of_hour)]
        written = database(*mean)
        rows.append([f"{hour}:00"] + [number(figure) for figure in (*mean, *written)])
    rows.append([f"**{peak // 60}:{peak % 60:02}, the minute**"] + [number(figure) for figure in (*rates, *database(*rates))])
    head = ["mean of the hour, a second", "logins", "logouts", "changes", "commits", "rows", "database processors", "log, MB"]
    lines = table(head, rows)
    total = [60 * sum(kind) for kind in zip(*(rates for _, rates in minutes))]
    usage = (total[0] + total[1]) * V["records_login"] + total[2]
    intervals = V["organisations"] * V["types"] * 288
    kept = (usage + intervals) * V["disk_row"]
    lines += [
        "",
        f"A day: {total[0]:,.0f} logins, {usage:,.0f} usage records and {intervals:,.0f} five-minute records, "
        f"{kept / 1e9:.1f} GB; a year of 260 such days for usage and 365 for intervals {yearly(usage, intervals):.1f} TB.",
    ]
    return lines


def yearly(usage, intervals):
    return (usage * 260 + intervals * 365) * V["disk_row"] / 1e12


def five_minutes():
    rows = V["organisations"] * V["types"]
    both = rows * 2 + V["organisations"]
    processors = both * V["db_us_row"] / 1e6
    of_node = math.ceil(V["organisations"] / V["nodes"])
    commits = V["nodes"] * math.ceil(of_node / 512)
    busiest = database(*max((per_second(minute) for minute in range(MINUTES)), key=lambda rates: rates[0]))
    return table(
        ["at each full five minutes", ""],
        [
            ("organisations of a node that close an interval", number(of_node)),
            ("commits, all nodes", number(commits)),
            ("rows: intervals, hours, organisations", number(both)),
            ("processor time of the database", f"{processors:.1f} s"),
            (f"on {V['db_cores']} processors beside nothing else, at least", f"{processors / V['db_cores']:.2f} s"),
            ("write-ahead log", f"{both * V['wal_row'] / 1e6:.0f} MB"),
            ("rows in it ÷ rows of the busiest second of the day", number(both / busiest[1])),
        ],
    )


def leases():
    renewals = V["nodes"] * V["renewals"] / V["lease_s"]
    polls = V["nodes"] / V["poll_s"]
    each = V["organisations"] * V["renewals"] / V["lease_s"]
    return table(
        ["a second", "a lease for each node", "a lease for each organisation"],
        [
            ("renewals, a small commit each", number(renewals), number(each)),
            ("database processors for them", number(renewals * V["db_us_commit"] / 1e6), number(each * V["db_us_commit"] / 1e6)),
            ("dead rows a day, for vacuum", number(renewals * 86_400), number(each * 86_400)),
            ("looks at who has what", number(polls), number(polls)),
        ],
    )


class Node:
    """A node that is left: adopts a few at a time, then serves one after the other on its processors."""

    def __init__(self, lease_over_s, adoptions):
        self.slots = [lease_over_s] * adoptions
        self.free_at = 0.0

    def adopt(self, sessions):
        """When an organisation of so many sessions is served again."""
        slot = self.slots.index(min(self.slots))
        took = (V["load_questions"] + 2) * V["rtt_ms"] / 1e3 + sessions * V["load_us_session"] / 1e6
        self.slots[slot] += took
        return self.slots[slot]

    def work(self, now, microseconds):
        """When it is done with a piece of work that comes now."""
        self.free_at = max(self.free_at, now) + microseconds / 1e6 / V["node_cores"]
        return self.free_at


def lost_node(is_silent, spread, adoptions, steady=8):
    """A node dies. Its devices notice, come back by the balancer, and are let in once somebody adopted them.

    For so many attempts as are `steady` the bound of the back-off does not grow.
    """
    chance = random.Random(7)
    left = [Node(V["lease_s"] + V["poll_s"], adoptions) for _ in range(V["nodes"] - 1)]
    each = V["sessions"] // V["organisations"]
    organisations = []
    for index in range(V["lost_organisations"]):
        node = left[index % len(left)] if spread else left[0]
        organisations.append((node, node.adopt(each)))
    attempts = []
    for index in range(V["lost_organisations"] * each):
        # The process that died resets its connections; a machine that died leaves silence, and a device was heard last
        # within half a heartbeat before.
        noticed = V["heartbeat_s"] * (1.5 - 0.5 * chance.random()) if is_silent else 0.0
        attempts.append((noticed + chance.random() * V["backoff_ms"] / 1e3, index, 0))
    tried, back = {}, []
    while attempts:
        attempts.sort()
        again = []
        for at, index, attempt in attempts:
            node, adopted_at = organisations[index % len(organisations)]
            tried[int(at)] = tried.get(int(at), 0) + 1
            # Whoever comes too early is sent to the dead node, and asks the balancer once more in its place.
            handshaken = node.work(at, V["tls_us"])
            if handshaken < adopted_at:
                tried[int(handshaken)] = tried.get(int(handshaken), 0) + 1
                handshaken = node.work(handshaken, V["tls_us"])
            if handshaken >= adopted_at:
                back.append(node.work(handshaken, V["node_us_login"]))
                continue
            doubled = V["backoff_ms"] / 1e3 * 2 ** max(0, attempt - steady + 1)
            bound = V["unsettled_ms"] / 1e3 if attempt < steady else min(30.0, doubled)
            again.append((handshaken + chance.random() * bound, index, attempt + 1))
        attempts = again
    back.sort()
    adopted = max(at for _, at in organisations)
    return tried, back, adopted


def at(sorted_values, share):
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


def failover():
    cases = [
        ("the process dies, its organisations fall to all others", False, True, V["adoptions"]),
        ("the same, one organisation adopted at a time", False, True, 1),
        ("the same, with a back-off that doubles", False, True, V["adoptions"], 0),
        ("the same, all of them fall to one other node", False, False, V["adoptions"]),
        ("the machine dies: silence", True, True, V["adoptions"]),
    ]
    rows, herds = [], []
    for name, is_silent, spread, *more in cases:
        tried, back, adopted = lost_node(is_silent, spread, *more)
        busiest = max(tried.values())
        nodes = V["nodes"] - 1 if spread else 1
        rows.append(
            (
                name,
                f"{adopted:.2f} s",
                f"{sum(tried.values()) / len(back):.1f}",
                f"{number(busiest / nodes)}",
                f"{at(back, 0.5):.1f} s",
                f"{at(back, 0.99):.1f} s",
                f"{back[-1]:.1f} s",
            )
        )
        herds.append(tried)
    head = ["", "all adopted after", "connections each", "most connections at a node in a second", "back: half", "99 %", "all"]
    lines = table(head, rows)
    seconds = [second for second in range(12)]
    lines += [""] + table(
        ["connections in second", *(str(second) for second in seconds)],
        [
            ("the process dies", *(f"{herds[0].get(second, 0):,}" for second in seconds)),
            ("one other node gets all", *(f"{herds[3].get(second, 0):,}" for second in seconds)),
        ],
    )
    sessions = V["lost_organisations"] * (V["sessions"] // V["organisations"])
    kept = 2 * V["heartbeat_s"]
    silence = max(lost_node(True, True, V["adoptions"])[1])
    lines += [
        "",
        f"{sessions:,} devices. What a successor finds it keeps for {kept} s from its takeover, so until "
        f"{V['lease_s'] + kept:.0f} s after the loss at least; the last silent device is back after {silence:.1f} s.",
    ]
    return lines


def largest():
    agents = V["largest"]
    of_node = agents + (V["sessions"] - agents) / V["nodes"]
    socket = agents * (V["node_us_login"] + V["tls_us"]) / 1e6
    rows = agents * (V["records_login"] + 1)
    return table(
        ["one organisation of 100,000", ""],
        [
            ("memory of its node's sessions, with its share of all others", f"{of_node * V['session_kib'] / 1024 / 1024:.2f} GiB"),
            ("its actor, if all log in at once", f"{agents * V['decide_us'] / 1e6:.2f} s"),
            (f"sockets and TLS on {V['node_cores']} processors", f"{socket / V['node_cores']:.1f} s"),
            ("without TLS", f"{agents * V['node_us_login'] / 1e6 / V['node_cores']:.1f} s"),
            ("the database, one connection, rows one after the other", f"{rows * V['db_us_row'] / 1e6:.1f} s"),
            ("loading it at a takeover", f"{agents * V['load_us_session'] / 1e6:.1f} s"),
        ],
    )


def everybody():
    nodes_s = V["sessions"] * V["node_us_login"] / 1e6 / (V["nodes"] * V["node_cores"])
    tls_s = V["sessions"] * V["tls_us"] / 1e6 / (V["nodes"] * V["node_cores"])
    rows = V["sessions"] * (V["records_login"] + 1)
    database_s = rows * V["db_us_row"] / 1e6
    return table(
        ["a million at once", "resumed: nothing is written", "logged in anew"],
        [
            ("processors of all nodes", f"{nodes_s:.1f} s", f"{nodes_s:.1f} s"),
            ("TLS, if the nodes speak it", f"{tls_s:.1f} s", f"{tls_s:.1f} s"),
            (f"the database, {V['nodes']} connections that commit", "0 s", f"{database_s / min(V['nodes'], V['db_cores']):.1f} s"),
            ("write-ahead log", "0 MB", f"{number(rows * V['wal_row'] / 1e6)} MB"),
        ],
    )


def breaks():
    rates = max((per_second(minute) for minute in range(MINUTES)), key=lambda rates: rates[0])
    commits, rows, cores, log = database(*rates)
    total = [60 * sum(kind) for kind in zip(*(per_second(minute) for minute in range(MINUTES)))]
    usage = (total[0] + total[1]) * V["records_login"] + total[2]
    intervals = V["organisations"] * V["types"] * 288
    burst = (V["organisations"] * (2 * V["types"] + 1)) * V["db_us_row"] / 1e6
    node_us = V["node_us_login"] + V["tls_us"]
    writer = V["largest"] * (V["records_login"] + 1) * V["db_us_row"] / 1e6
    return table(
        ["in this order", "at the peak", "of"],
        [
            ("what is kept in a year", f"{yearly(usage, intervals):.1f} TB, {intervals * 365 / (usage * 260 + intervals * 365):.0%} of the rows five-minute figures", "one machine's disks, its backup, its vacuum"),
            ("the largest organisation's first login of the day, all at once", f"{writer:.1f} s for the last of them", "one commit after the other: one of the database's processors"),
            ("the full five minutes", f"{burst:.1f} s of processor time", f"{V['db_cores']} processors, all at once"),
            ("database processors", f"{cores:.1f}", f"{V['db_cores']}"),
            ("write-ahead log", f"{log:.0f} MB/s", "a disk that takes 500 MB/s"),
            ("commits", f"{commits:,.0f}/s", f"{V['nodes'] / V['commit_ms'] * 1e3:,.0f}/s, if each node had one under way always"),
            ("processors of a node", f"{rates[0] / V['nodes'] * node_us / 1e6:.3f}", f"{V['node_cores']}"),
            ("memory of a node", f"{V['sessions'] / V['nodes'] * V['session_kib'] / 1024 / 1024:.2f} GiB", "what it has"),
            ("connections to the database", f"{V['nodes'] * V['connections']}", "what it takes without a pooler; `max_connections`"),
            ("leases", f"{V['nodes'] * V['renewals'] / V['lease_s']:.0f} small commits a second", "as above"),
        ],
    )


PARTS = {
    "inputs": inputs,
    "day": day,
    "five-minutes": five_minutes,
    "leases": leases,
    "failover": failover,
    "largest": largest,
    "everybody": everybody,
    "breaks": breaks,
}


def filled(page):
    for name, part in PARTS.items():
        begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->"
        before, rest = page.split(begin)
        after = rest.split(end, 1)[1]
        page = before + begin + "\n".join(part()) + "\n" + end + after
    return page


def main():
    option = sys.argv[1] if len(sys.argv) > 1 else ""
    if option in ("--write", "--check"):
        page = PAGE.read_text(encoding="utf-8")
        now = filled(page)
        if option == "--write":
            PAGE.write_text(now, encoding="utf-8")
        elif now != page:
            sys.exit("docs/SCALE.md does not say what docs/scale/simulate.py prints: run it with --write")
        return
    for name, part in PARTS.items():
        print(f"## {name}\n")
        print("\n".join(part()) + "\n")


main()
