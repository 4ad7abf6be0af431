"""zoo.cfg: what is read, what is refused and what is named as ignored."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkserver import config_keys
from zkserver.config import Config, ConfigError, Loaded, load_config
from zkserver.properties import parse_properties


def load(tmp_path: Path, text: str, **overrides: str) -> Loaded:
    """Load ``text`` as a zoo.cfg that has a dataDir."""
    path = tmp_path / "zoo.cfg"
    path.write_text(f"dataDir={tmp_path}\n{text}", encoding="utf-8")
    return load_config(str(path), overrides)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return caught.value.problems


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        (b"a=b", "a", "b"),
        (b"  a :  b c  ", "a", "b c"),
        (b"a b=c", "a", "b=c"),
        (b"a\\ b\\==c", "a b=", "c"),
        (b"a", "a", ""),
        (b"a=b\\\n   c", "a", "bc"),
        (b"a=b\\\\\nd=e", "a", "b\\"),
        (b"a=\\u00e4\\t\\q", "a", "ä\tq"),
        ("a=ä".encode(), "a", "ä"),
        ("a=ä".encode("latin-1"), "a", "ä"),
        (b"a=1\r\na=2\r\n", "a", "2"),
        (b"a=b # not a comment", "a", "b # not a comment"),
        (b"\xef\xbb\xbfa=b", "a", "b"),
        (b"a=b\\", "a", "b"),
        (b"#x\\\na=b", "a", "b"),
    ],
)
def test_properties_syntax(line: bytes, key: str, value: str) -> None:
    assert parse_properties(line)[key] == value


def test_comments_and_blank_lines_hold_no_keys() -> None:
    assert parse_properties(b"# a=1\n\n  ! b=2\n \t\n") == {}


def test_a_broken_unicode_escape_is_an_error() -> None:
    with pytest.raises(ValueError, match="four hexadecimal digits"):
        parse_properties(b"a=\\u12")


def _escaped(text: str) -> str:
    special = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}
    return "".join(special.get(c) or (f"\\{c}" if c in " =:#!\\" else c) for c in text)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1).filter(
            lambda key: key == key.strip() and "\ufeff" not in key
        ),
        st.text(st.characters(codec="utf-8")).filter(lambda value: value == value.strip()),
    )
)
def test_escaped_properties_come_back(settings: dict[str, str]) -> None:
    text = "".join(f"{_escaped(key)}={_escaped(value)}\n" for key, value in settings.items())
    assert parse_properties(text.encode()) == settings


def test_defaults_are_those_of_zookeeper(tmp_path: Path) -> None:
    config = load_config(None, {"dataDir": str(tmp_path)}).config
    assert (config.client_port, config.client_address) == (2181, "")
    assert config.tick_time_ms == 3000
    assert (config.min_session_timeout_ms, config.max_session_timeout_ms) == (6000, 60_000)
    assert (config.connections_per_address_max, config.connections_max) == (60, 0)
    assert config.jute_max_buffer_bytes == 1_048_575
    assert config.four_letter_words == {"srvr"}
    assert config.extended_types
    assert config.data_log_dir == config.data_dir == str(tmp_path)


def test_a_config_made_in_code_derives_the_same_values() -> None:
    config = Config(data_dir="d", tick_time_ms=100, jute_max_buffer_bytes=100)
    assert (config.min_session_timeout_ms, config.max_session_timeout_ms) == (200, 2000)


def test_a_typical_file(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        """
        tickTime=2000
        initLimit=10
        syncLimit=5
        clientPort: 21811
        clientPortAddress=[::1]
        maxClientCnxns=0
        maxSessionTimeout=90000
        autopurge.purgeInterval=1
        zookeeper.snapCount = 5000
        jute.maxbuffer=0x200000
        4lw.commands.whitelist=ruok, stat ,mntr
        skipACL=yes
        forceSync=NO
        extendedTypesEnabled=False
        znode.container.checkIntervalMs=100
        """,
    )
    config = loaded.config
    assert (config.client_port, config.client_address) == (21811, "::1")
    assert (config.min_session_timeout_ms, config.max_session_timeout_ms) == (4000, 90_000)
    assert config.connections_per_address_max == 0
    assert config.snap_count == 5000
    assert config.jute_max_buffer_bytes == 0x200000
    assert config.four_letter_words == {"ruok", "stat", "mntr"}
    assert (config.skip_acl, config.force_sync, config.extended_types) == (True, False, False)
    assert config.container_check_interval_ms == 100
    assert loaded.warnings == []
    assert loaded.ignored == ["only servers of an ensemble use: initLimit, syncLimit"]


def test_overrides_win_with_or_without_prefix(tmp_path: Path) -> None:
    path = tmp_path / "zoo.cfg"
    path.write_text(f"dataDir={tmp_path}\nsnapCount=10\nclientPort=1\n")
    loaded = load_config(str(path), {"zookeeper.snapCount": "20", "clientPort": "0"})
    assert (loaded.config.snap_count, loaded.config.client_port) == (20, 0)


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "tickTime=0\nclientPort=70000\nskipACL=maybe\nenforceQuota=on\nsnapCount=many\n"
        "jute.maxbuffer=1\nconnection_throttle_drop_increase=nan\n",
    )
    assert [line.partition(":")[0] for line in found] == [
        "tickTime=0",
        "clientPort=70000",
        "skipACL=maybe",
        "enforceQuota=on",
        "snapCount=many",
        "jute.maxbuffer=1",
        "connection_throttle_drop_increase=nan",
    ]
    assert all(len(line.partition(": ")[2]) > 5 for line in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("minSessionTimeout=9000\nmaxSessionTimeout=8000", "minSessionTimeout=9000"),
        ("tickTime=1000\nminSessionTimeout=30000", "maxSessionTimeout=20000"),
        ("minSessionTimeout=0", "minSessionTimeout=0"),
        ("clientPortAddress=127.0.0.1", "needs clientPort"),
        ("secureClientPort=2281\nssl.clientAuth=none", "needs ssl.keyStore.location"),
        ("sslQuorum=true\nssl.quorum.keyStore.location=a", "needs ssl.quorum.trustStore"),
        ("client.portUnification=TRUE\nssl.keyStore.location=a", "needs ssl.trustStore"),
        ("ssl.clientAuth=maybe", "must be one of need, want, none"),
        ("ssl.quorum.ocsp=true", "OCSP is not available"),
        ("ssl.context.supplier.class=a.B", "a Java class cannot be loaded"),
        ("ssl.keyStore.colour=red", "is none of location, password"),
        ("portUnification=true", "needs ssl.quorum.keyStore.location"),
        ("localSessionsEnabled=perhaps", "must be true or false"),
        ("reconfigEnabled=yes", "must be true or false"),
        ("sessionRequireClientSASLAuth=true", "SASL"),
        ("electionAlg=1", "only 3"),
        ("peerType=boss", "participant or observer"),
        ("db.autocreate=false", "empty data directory"),
        ("metricsProvider.className=org.example.Mine", "PrometheusMetricsProvider"),
        ("sessionRequireClientSASLAuth=true", "needs java.security.auth.login.config"),
        ("java.security.auth.login.config=/nonexistent/jaas", "cannot be read"),
        ("authProvider.x=org.example.MyProvider", "cannot be loaded"),
        ("enforce.auth.enabled=true", "needs enforce.auth.schemes"),
        ("enforce.auth.enabled=true\nenforce.auth.schemes=digest,sasl", "the scheme sasl"),
        ("DigestAuthenticationProvider.digestAlg=ROT13", "must be one of"),
        ("initLimit=soon", "must be a whole number"),
        ("admin.serverPort=80800", "must be"),
        ("admin.commandURL=commands", "must be a path"),
        ("admin.forceHttps=true", "ssl.quorum.keyStore.location"),
        ("metricsProvider.className=my.Provider", "PrometheusMetricsProvider"),
        ("syncEnabled=maybe", "must be true or false"),
        ("standaloneEnabled=false", "at least one participant"),
        ("standaloneEnabled=off", "must be true or false"),
        ("quorumListenOnAllIPs=yes", "must be true or false"),
        ("leaderServes=true", "must be yes or no"),
        ("server.1=a:1", "HOST:PORT:ELECTIONPORT"),
        ("server.one=a:1:2", "must be a whole number"),
        ("server.1=a:1:2:observer", "observers need"),
        ("group.1=1:2:3", "groups and weights"),
        ("server.1=a:1:2\nweight.1=2", "groups and weights"),
        ("clientPort=1\nserver.1=a:1:2;3", "another client port"),
        ("dynamicConfigFile=/nonexistent/dynamic", "cannot be read"),
        ("autopurge.purgeInterval=often", "hours"),
    ],
)
def test_refused(tmp_path: Path, text: str, expected: str) -> None:
    (line,) = problems(tmp_path, text)
    assert expected in line


@pytest.mark.parametrize(
    "text",
    [
        "reconfigEnabled=false\nsslQuorum=false\nelectionAlg=3\npeerType=participant",
        "standaloneEnabled=true\ndb.autocreate=true\nadmin.enableServer=false",
        "authProvider.1=org.apache.zookeeper.server.auth.DigestAuthenticationProvider",
        "connection_throttle_tokens=0\nlargeRequestThreshold=-1",
    ],
)
def test_what_is_the_case_anyway_is_not_worth_a_line(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text).ignored == []


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("preAllocSize", "storage"),
        ("serverCnxnFactory", "Java"),
        ("nio.numSelectorThreads", "Java"),
        ("electionPortBindRetry", "Apache's protocol between servers"),
        ("syncLimit", "only servers of an ensemble"),
        ("ssl.keyStore.location", "neither secureClientPort nor client.portUnification"),
        ("ssl.quorum.keyStore.location", "neither sslQuorum=true nor portUnification"),
        ("admin.portUnification", "AdminServer"),
        ("metricsProvider.httpsPort", "Prometheus"),
        ("superUser.1", "SASL needs java.security.auth.login.config"),
        ("request_throttle_stall_time", "requests wait unread"),
        ("autopurge.snapRetainCont", "not a setting"),
    ],
)
def test_ignored_keys_are_named_with_their_reason(tmp_path: Path, key: str, reason: str) -> None:
    (line,) = load(tmp_path, f"{key}=7").ignored
    assert reason in line
    assert line.endswith(f": {key}")


def test_no_key_has_two_meanings() -> None:
    tables = [
        *config_keys.OBEYED,
        *config_keys.REFUSED_WHEN_TRUE,
        *(key for keys in config_keys.IGNORED.values() for key in keys),
    ]
    assert sorted(tables) == sorted(set(tables))


def test_every_field_of_the_tables_exists() -> None:
    named = {field for field, _ in config_keys.OBEYED.values()}
    fields = set(Config.__dataclass_fields__)
    # enforce.auth.enabled only decides whether enforce_auth_schemes is filled.
    assert named - fields == {"enforce_auth"}
    # Those of TLS are read by config_tls.
    assert fields - named == {
        *("given", "server_id", "require_sasl", "membership", "static_config_file"),
        *("sasl_users", "sasl_super_users", "allow_sasl_failures"),
        *("secure_client_port", "secure_client_address", "port_unification", "client_tls"),
        *("cert_reload", "x509_super_user", "tls_auto_directory", "quorum_tls", "ssl_quorum"),
        *("quorum_port_unification", "quorum_verifies_hosts", "quorum_cert_reload"),
    }


def test_a_single_server_line_is_a_standalone_server(tmp_path: Path) -> None:
    config = load(tmp_path, "server.3=[::1]:2888:3888:participant;127.0.0.1:2555").config
    assert (config.client_port, config.client_address) == (2555, "127.0.0.1")


def test_the_port_of_the_command_line_wins_over_that_of_a_server_line(tmp_path: Path) -> None:
    path = tmp_path / "zoo.cfg"
    path.write_text(f"dataDir={tmp_path}\nserver.1=h:2888:3888;2555\n")
    assert load_config(str(path), {"clientPort": "0"}).config.client_port == 0


THREE = "server.1=a:2101:2102\nserver.2=b:2201:2202\nserver.3=c:2301:2302:observer\n"
ENSEMBLE = f"initLimit=10\nsyncLimit=3\nclientPort=2181\n{THREE}"


def test_several_server_lines_are_an_ensemble(tmp_path: Path) -> None:
    (tmp_path / "myid").write_text("2\n")
    loaded = load(
        tmp_path,
        f"{ENSEMBLE}server.4=d:1:2\nreconfigEnabled=true\nreadonlymode.enabled=true\n"
        "leaderServes=no\nquorumListenOnAllIPs=true\nstandaloneEnabled=true",
    )
    config = loaded.config
    assert config.membership is not None
    assert config.membership.voters == (1, 2, 4)
    assert config.membership.observers == (3,)
    assert config.membership.version == 0
    assert (config.server_id, config.client_port, config.client_address) == (2, 2181, "")
    assert (config.init_limit, config.sync_limit) == (10, 3)
    assert (config.standalone_enabled, config.leader_serves) == (True, False)
    assert (config.quorum_listen_on_all_ips, config.read_only_mode) == (True, True)
    assert config.static_config_file == str(tmp_path / "zoo.cfg")
    assert config.dynamic_config_file is None
    assert (loaded.ignored, loaded.warnings) == ([], [])


def test_one_server_line_is_an_ensemble_where_standalone_is_not_enabled(tmp_path: Path) -> None:
    (tmp_path / "myid").write_text("1")
    text = "initLimit=1\nsyncLimit=1\nserver.1=a:1:2;3\n"
    alone = load(tmp_path, text).config
    assert (alone.membership, alone.server_id, alone.client_port) == (None, 1, 3)
    config = load(tmp_path, text + "standaloneEnabled=false").config
    assert config.membership is not None
    assert config.membership.voters == (1,)
    assert not config.standalone_enabled
    config = load(tmp_path, text + "server.2=b:1:2:observer\nstandaloneEnabled=false").config
    assert config.membership is not None


def test_a_server_of_an_ensemble_must_know_which_it_is(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, ENSEMBLE)
    assert line.startswith(f"{tmp_path}/myid: is missing;")
    assert line.endswith("one of 1, 2, 3")
    (tmp_path / "myid").write_text("4")
    (line,) = problems(tmp_path, ENSEMBLE)
    assert line == f"{tmp_path}/myid: holds 4, but the server.N lines are those of 1, 2, 3"
    (tmp_path / "myid").write_text("one")
    (line,) = problems(tmp_path, ENSEMBLE)
    assert "holds 'one': must be a whole number" in line
    # A standalone server may have any number, and none.
    (tmp_path / "myid").write_text("4")
    assert load(tmp_path, "server.1=a:1:2;3").config.server_id == 4


@pytest.mark.parametrize("limits", ["initLimit=5", "initLimit=0\nsyncLimit=5", ""])
def test_an_ensemble_needs_its_limits(tmp_path: Path, limits: str) -> None:
    (tmp_path / "myid").write_text("1")
    lines = problems(tmp_path, f"clientPort=1\n{limits}\n{THREE}")
    wanted = {key for key in ("initLimit", "syncLimit") if f"{key}=5" not in limits}
    assert {line.partition(":")[0] for line in lines} == wanted


#: Own client part of the server line, lines of zoo.cfg -> address and port, or None where
#: Apache 3.8.0 refuses to start.
CLIENT_PORTS: list[tuple[str, str, tuple[str, int] | None]] = [
    ("", "clientPort=21", ("", 21)),
    ("", "clientPort=21\nclientPortAddress=127.0.0.1", ("127.0.0.1", 21)),
    (";21", "", ("", 21)),
    (";0.0.0.0:21", "", ("", 21)),
    (";[::]:21", "", ("", 21)),
    (";127.0.0.1:21", "", ("127.0.0.1", 21)),
    (";21", "clientPort=21", ("", 21)),
    (";127.0.0.1:21", "clientPort=21", ("127.0.0.1", 21)),
    (";[::1]:21", "clientPort=21\nclientPortAddress=::1", ("0:0:0:0:0:0:0:1", 21)),
    (";127.0.0.1:21", "clientPort=21\nclientPortAddress=localhost", ("127.0.0.1", 21)),
    (";22", "clientPort=21", None),
    (";21", "clientPort=21\nclientPortAddress=127.0.0.1", None),
    (";127.0.0.1:21", "clientPort=21\nclientPortAddress=127.0.0.2", None),
]


@pytest.mark.parametrize(("part", "static", "expected"), CLIENT_PORTS)
def test_the_client_port_of_the_server_line_and_of_zoo_cfg(
    tmp_path: Path, part: str, static: str, expected: tuple[str, int] | None
) -> None:
    (tmp_path / "myid").write_text("1")
    lines = THREE.replace("2102", f"2102{part}").replace("2202", "2202;99")
    text = f"initLimit=5\nsyncLimit=5\n{static}\n{lines}"
    if expected is None:
        (line,) = problems(tmp_path, text)
        assert "names another client port" in line
        return
    loaded = load(tmp_path, text)
    assert (loaded.config.client_address, loaded.config.client_port) == expected
    assert loaded.config.membership is not None
    own = loaded.config.membership.member(1)
    assert own.client_port == (21 if part else None)
    assert not [warning for warning in loaded.warnings if "clientPort" in warning]


def test_the_port_of_the_command_line_wins_in_an_ensemble(tmp_path: Path) -> None:
    (tmp_path / "myid").write_text("1")
    path = tmp_path / "zoo.cfg"
    lines = THREE.replace("2102", "2102;127.0.0.1:99")
    path.write_text(f"dataDir={tmp_path}\ninitLimit=5\nsyncLimit=5\nclientPort=98\n{lines}")
    config = load_config(str(path), {"clientPort": "0"}).config
    assert (config.client_address, config.client_port) == ("127.0.0.1", 0)
    config = load_config(str(path), {"clientPort": "0", "clientPortAddress": "::1"}).config
    assert config.client_address == "::1"


def test_an_ensemble_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "myid").write_text("1")
    given = dict(line.split("=") for line in ENSEMBLE.split())
    config = load_config(None, {"dataDir": str(tmp_path), **given}).config
    assert config.membership is not None
    assert config.static_config_file is None
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "myid").write_text("2")
    path = tmp_path / "zoo.cfg"
    path.write_text(f"dataDir={tmp_path}\n{ENSEMBLE}")
    assert load_config(str(path), {"dataDir": str(elsewhere)}).config.server_id == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ENSEMBLE, ["2 participants outlast the failure of 0, no more than 1 would"]),
        (f"{ENSEMBLE}server.4=d:1:2", []),
        (f"{ENSEMBLE}server.4=d:1:2\npeerType=participant", []),
        (
            f"{ENSEMBLE}server.4=d:1:2\npeerType=observer",
            ["peerType=observer: server.1 is a participant by its line"],
        ),
        (f"{ENSEMBLE}server.4=d:1:2\nskipACL=yes", []),
        (
            f"{ENSEMBLE}server.4=d:1:2\nskipACL=yes\nreconfigEnabled=true",
            ["skipACL=yes with reconfigEnabled=true: every client may change the membership"],
        ),
    ],
)
def test_what_looks_like_a_mistake_in_an_ensemble_is_told(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    (tmp_path / "myid").write_text("1")
    assert load(tmp_path, text).warnings == expected


def test_keys_of_apaches_protocol_between_servers_are_named(tmp_path: Path) -> None:
    (tmp_path / "myid").write_text("1")
    (line,) = load(tmp_path, f"{ENSEMBLE}cnxTimeout=5\nlearner.asyncSending=true").ignored
    assert "Apache's protocol between servers" in line
    assert line.endswith(": cnxTimeout, learner.asyncSending")


def test_the_dynamic_file_is_read(tmp_path: Path) -> None:
    dynamic = tmp_path / "zoo.cfg.dynamic"
    dynamic.write_text("server.1=h:2888:3888;2666\nversion=100000000\n")
    assert load(tmp_path, f"dynamicConfigFile={dynamic}").config.client_port == 2666
    assert (
        "belong into that file"
        in problems(tmp_path, f"dynamicConfigFile={dynamic}\nserver.1=h:1:2;2666")[0]
    )
    dynamic.write_text("tickTime=5\n")
    assert "does not belong" in problems(tmp_path, f"dynamicConfigFile={dynamic}")[0]


def test_enforced_schemes(tmp_path: Path) -> None:
    on = load(tmp_path, "enforce.auth.enabled=true\nenforce.auth.schemes=digest, ip").config
    assert on.enforce_auth_schemes == ("digest", "ip")
    off = load(tmp_path, "enforce.auth.enabled=false\nenforce.auth.schemes=digest").config
    assert off.enforce_auth_schemes == ()


def test_myid(tmp_path: Path) -> None:
    (tmp_path / "myid").write_text("7\n")
    assert load(tmp_path, "").config.server_id == 7
    (tmp_path / "myid").write_text("255")
    assert load(tmp_path, "extendedTypesEnabled=false").config.server_id == 255
    (line,) = problems(tmp_path, "")
    assert "255" in line
    assert "from 0 to 254" in line


def test_the_data_directory_is_required_and_may_be_required_to_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--data-dir"):
        load_config(None, {})
    missing = str(tmp_path / "missing")
    assert load_config(None, {"dataDir": missing}).config.data_dir == missing
    with pytest.raises(ConfigError, match="does not exist"):
        load_config(None, {"dataDir": missing, "datadir.autocreate": "false"})


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"zoo\.cfg: cannot be read: No such file"):
        load_config(str(tmp_path / "zoo.cfg"), {})


def test_values_below_apaches_minimum_are_lifted_and_told(tmp_path: Path) -> None:
    loaded = load(tmp_path, "clientPort=1\nsnapCount=1\nautopurge.snapRetainCount=1")
    assert (loaded.config.snap_count, loaded.config.snap_retain_count) == (2, 3)
    assert len(loaded.warnings) == 2


@pytest.mark.parametrize(("text", "told"), [("2", 0), ("30m", 0), ("1d", 0), ("0", 1)])
def test_turning_the_purge_off_is_named_as_without_effect(
    tmp_path: Path, text: str, told: int
) -> None:
    ignored = load(tmp_path, f"autopurge.purgeInterval={text}").ignored
    assert [line.partition(":")[0] for line in ignored] == [
        "old snapshots and logs are always purged"
    ] * told


def test_a_whitelist_of_odd_words_is_told(tmp_path: Path) -> None:
    loaded = load(tmp_path, "clientPort=1\n4lw.commands.whitelist=stat;ruok, mntr")
    assert loaded.config.four_letter_words == {"stat;ruok", "mntr"}
    assert loaded.warnings == ["4lw.commands.whitelist: stat;ruok: no word of four letters"]


def test_the_star_opens_every_word_and_read_only_mode_opens_isro(tmp_path: Path) -> None:
    star = load(tmp_path, "4lw.commands.whitelist=srvr, *").config
    assert star.four_letter_words == {"*"}
    assert load(tmp_path, "readonlymode.enabled=true").config.four_letter_words == {"srvr", "isro"}


@given(st.binary(max_size=300))
def test_no_file_content_breaks_the_parser(content: bytes) -> None:
    try:
        parse_properties(content)
    except ValueError as error:
        assert "hexadecimal" in str(error)
