//! `perezvon doctor` against pretend switches that lack one thing each: that one is named, with its cure, and nothing else.

use super::super::{perezvon, text};
use perezvon::{
    clock::Clock,
    engine::time::Span,
    sim::{house::House, switch::Health, tcp::Streets, town::Town},
};
use serde_json::Value;
use std::{
    fs,
    io::Write,
    net::{SocketAddr, TcpListener},
    path::Path,
    thread,
};

/// A configuration to which a case adds, and in which it replaces.
const CONFIG: &str = "[switch.main]\naddress = \"{switch}\"\npassword = \"pretend\"\n[store]\nurl = \"sqlite:{folder}/p.db\"\n\
    [http]\nlisten = \"127.0.0.1:0\"\n[control]\nsocket = \"{folder}/p.sock\"\n[defaults]\nlanguage = \"en\"\n\
    [trunk.provider]\ndial = \"sofia/gateway/provider/{number}\"\nchannels = 20\n\
    [[operator]]\nname = \"anna\"\ndial = \"user/1001\"\n\
    [[line]]\nname = \"site\"\nnumbers = [\"+74951112233\"]\n\
    [line.redial]\nrecord = \"/rec/{date}/{line}-{callback}-{attempt}.wav\"\n";
const OUTBOUND: &str = "[outbound]\nlisten = \"127.0.0.1:18084\"\n";

/// What is found: the check and of what, how grave, and words of the text and of the cure.
type Found = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// A switch that is well but for what `ail` does to it.
async fn switch(ail: impl FnOnce(&mut Health)) -> (Streets, SocketAddr) {
    let clock = Clock::system();
    let house = House { operators: vec!["anna".to_owned()], ..House::default() };
    let mut config = house.switch();
    config.speech = Span(10);
    ail(&mut config.health);
    let streets = Streets::new(Town::new(config, 3, clock.now()), clock);
    let address = streets.listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    (streets, address)
}

/// Everything that is not well, and the exit code. Who asks as root is told so: that is left out.
async fn examined(switch: SocketAddr, config: impl Fn(&str) -> String) -> (Vec<Value>, i32) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("p.toml");
    let whole = config(CONFIG).replace("{switch}", &switch.to_string());
    fs::write(&at, whole.replace("{folder}", folder.path().to_str().unwrap())).unwrap();
    let at = at.to_str().unwrap().to_owned();
    let output = tokio::task::spawn_blocking(move || perezvon(&["doctor", "--json", "--config", &at])).await.unwrap();
    let all: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}{}", text(&output.stdout), text(&output.stderr)));
    let ill = all["places"].as_array().unwrap().iter().flat_map(|place| place["findings"].as_array().unwrap().clone());
    let ill = ill.filter(|finding| finding["verdict"] != "ok" && finding["check"] != "user").collect();
    (ill, output.status.code().unwrap())
}

fn judge(case: &str, (ill, code): (Vec<Value>, i32), expected: &[Found]) {
    assert_eq!(ill.len(), expected.len(), "{case}: {ill:#?}");
    for (finding, (check, about, verdict, said, cure)) in ill.iter().zip(expected) {
        let of = |key: &str| finding[key].as_str().unwrap().to_owned();
        assert_eq!((of("check").as_str(), of("about").as_str()), (*check, *about), "{case}: {finding:#}");
        assert_eq!(of("verdict"), *verdict, "{case}: {finding:#}");
        assert!(of("text").contains(said), "{case}: {finding:#}");
        assert!(of("cure").contains(cure) && !of("cure").is_empty(), "{case}: {finding:#}");
    }
    let faults = expected.iter().any(|(.., verdict, _, _)| *verdict == "fault");
    assert_eq!(code, i32::from(faults), "{case}");
}

async fn try_switch(case: &str, ail: impl FnOnce(&mut Health), expected: &[Found]) {
    let (_streets, address) = switch(ail).await;
    judge(case, examined(address, str::to_owned).await, expected);
}

async fn try_config(case: &str, config: impl Fn(&str) -> String, expected: &[Found]) {
    let (_streets, address) = switch(well_posted).await;
    judge(case, examined(address, config).await, expected);
}

fn lacks(module: &'static str) -> impl FnOnce(&mut Health) {
    move |health| health.lacks.extend([module.to_owned()])
}

fn cannot(what: &'static str) -> impl FnOnce(&mut Health) {
    move |health| health.cannot.extend([what.to_owned()])
}

fn posts(xml: &'static str) -> impl FnOnce(&mut Health) {
    move |health| health.xml.0 = xml.to_owned()
}

/// mod_json_cdr posts to where the configuration takes its records.
fn well_posted(health: &mut Health) {
    health.xml.0 = "<param name=\"url\" value=\"http://127.0.0.1:0/cdr/json\"></param>\
                    <param name=\"log-errors-to-disk\" value=\"true\"></param><param name=\"err-log-dir\" value=\"/s\"></param>"
        .to_owned();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_well_is_told_and_nobody_is_rung() {
    let (streets, address) = switch(well_posted).await;
    judge(
        "well",
        examined(address, |config| format!("{config}{OUTBOUND}")).await,
        &[("outbound", "", "warning", "no `socket` of the dialplan names the port", "127.0.0.1:18084 async full")],
    );
    streets.with(|town, _| {
        assert_eq!(town.switch.channels().count(), 0, "the channel of the examination is gone");
        assert!(town.switch.strange_commands().is_empty(), "{:?}", town.switch.strange_commands());
        let rung =
            town.happened().into_iter().any(|what| matches!(what, (_, perezvon::sim::switch::Outside::Invite { .. })));
        assert!(!rung);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_a_switch_is_named_with_its_cure() {
    let well = well_posted;
    let also = |what: fn(&mut Health)| move |health: &mut Health| (well(health), what(health)).1;
    try_switch(
        "the access list",
        |health| health.shut = true,
        &[("login", "", "fault", "does not let us in", "apply-inbound-acl")],
    )
    .await;
    let takes = |health: &mut Health| health.also_takes = Some("ClueCon".to_owned());
    let known = [("password", "", "warning", "takes \"ClueCon\"", "openssl rand -hex 24")];
    try_switch("the well-known password", also(takes), &known).await;
    for (ahead, grave) in [(-5_000, "warning"), (3_600_000, "fault")] {
        let set = move |health: &mut Health| (well(health), health.ahead = ahead).1;
        try_switch("the clock", set, &[("clock", "", grave, "s clock is", "chrony")]).await;
    }
    let few = |health: &mut Health| health.most = (10, 1);
    try_switch(
        "the limits",
        also(few),
        &[
            ("max-sessions", "", "fault", "takes 10 calls at once; trunks and operators come to 21", "switch.conf.xml"),
            ("sessions-per-second", "", "fault", "takes 1 new calls a second", "fsctl sps"),
        ],
    )
    .await;
    let codecs = |health: &mut Health| health.codecs = "G729,iLBC@30i".to_owned();
    try_switch(
        "the codecs",
        also(codecs),
        &[("codecs", "external", "fault", "no module speaks any", "outbound-codec-prefs")],
    )
    .await;
    let one = |health: &mut Health| health.codecs = "G729,PCMA".to_owned();
    try_switch("one codec", also(one), &[("codecs", "external", "warning", "G729: no module", "outbound-codec-prefs")])
        .await;
    let refused = |health: &mut Health| health.denied.extend(["sofia", "status"].map(str::to_owned));
    try_switch(
        "rights to look",
        also(refused),
        &[("limits", "", "warning", "not known", "status"), ("gateway", "provider", "warning", "not known", "sofia")],
    )
    .await;
    try_switch(
        "records go nowhere",
        posts("<configuration/>"),
        &[("records", "", "warning", "posts nowhere", "/cdr/json")],
    )
    .await;
    let elsewhere = posts("<param name=\"url\" value=\"http://127.0.0.1:81/x\"></param>");
    try_switch("records go elsewhere", elsewhere, &[("records", "", "warning", "127.0.0.1:81/x", "json_cdr.conf.xml")])
        .await;
    let unkept = posts("<param name=\"url\" value=\"http://pbx:0/cdr/json\"></param>");
    try_switch("records may be lost", unkept, &[("records", "", "warning", "is lost", "err-log-dir")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_switch_lacks_is_named_with_its_cure() {
    let with =
        |ail: Box<dyn FnOnce(&mut Health) + Send>| move |health: &mut Health| (well_posted(health), ail(health)).1;
    for (module, grave) in [
        ("mod_commands", "fault"),
        ("mod_dptools", "fault"),
        ("mod_json_cdr", "warning"),
        ("mod_tone_stream", "warning"),
    ] {
        let (_streets, address) = switch(with(Box::new(lacks(module)))).await;
        let (ill, _) = examined(address, str::to_owned).await;
        let named = ill.iter().find(|finding| finding["check"] == "module" && finding["about"] == module);
        let named = named.unwrap_or_else(|| panic!("{module}: {ill:#?}"));
        assert_eq!(named["verdict"], grave, "{named:#}");
        assert!(named["cure"].as_str().unwrap().contains(&format!("`load {module}`")), "{named:#}");
    }
    try_switch(
        "no mod_loopback",
        with(Box::new(lacks("mod_loopback"))),
        &[(
            "sounds",
            "",
            "warning",
            "were tried: the switch made no channel for it (-ERR CHAN_NOT_IMPLEMENTED)",
            "load mod_loopback",
        )],
    )
    .await;
    try_switch(
        "no engine",
        with(Box::new(lacks("mod_flite"))),
        &[("module", "mod_flite", "fault", "speaks as the engine `flite`", "load mod_flite")],
    )
    .await;
    let mute = [("voice", "en", "fault", "ends at once", "must be one that mod_flite has")];
    try_switch("no such voice", with(Box::new(cannot("flite|slt"))), &mute).await;
    let folder = [("folder", "/rec", "fault", "Cannot record session", "install -d -o freeswitch")];
    try_switch("a folder that is shut", with(Box::new(cannot("/rec"))), &folder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_configuration_wants_and_there_is_not_is_named_with_its_cure() {
    let other = |from: &'static str, to: &'static str| move |config: &str| config.replace(from, to);
    try_config(
        "a wrong password",
        other("\"pretend\"", "\"wrong\""),
        &[("login", "", "fault", "refuses our password", "event_socket.conf.xml")],
    )
    .await;
    let no_gateway =
        [("gateway", "provide", "fault", "has no gateway provide: trunk provider", "profile external rescan")];
    try_config("no such gateway", other("gateway/provider", "gateway/provide"), &no_gateway).await;
    let no_profile = [("codecs", "outside", "fault", "has no profile outside", "sofia status")];
    try_config("no such profile", other("gateway/provider/{number}", "outside/{number}@192.0.2.1"), &no_profile).await;
    let nobody = [("phone", "anna", "warning", "not registered: 1099", "switch the phone on")];
    try_config("no such phone", other("user/1001", "user/1099"), &nobody).await;
    let strange = [("module", "verto.rtc", "fault", "no module dials `verto.rtc/…`: operator anna", "load the module")];
    try_config("no such way", other("user/1001", "verto.rtc/1001"), &strange).await;
    let silent = "[line.queue]\nmusic = \"local_stream://none\"\n";
    let (_streets, address) = switch(|health| {
        well_posted(health);
        health.xml.1 = "<action application=\"socket\" data=\"127.0.0.1:18084 async full\"></action>".to_owned();
        cannot("local_stream://none")(health);
    })
    .await;
    judge(
        "no music",
        examined(address, |config| format!("{config}{silent}{OUTBOUND}")).await,
        &[("sound", "local_stream://none", "fault", "FILE NOT FOUND", "local_stream.conf.xml")],
    );
    try_config(
        "nothing there",
        other("[store]", "[outbound]\nlisten = \"127.0.0.1:18085\"\n[store]"),
        &[("outbound", "", "warning", "no `socket`", "async full")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateways_state_is_told() {
    let (streets, address) = switch(well_posted).await;
    streets.with(|town, _| town.switch.gateway("provider", false));
    let down = [("gateway", "provider", "fault", "is not up (FAIL_WAIT, DOWN): trunk provider", "siptrace on")];
    judge("a gateway that is down", examined(address, str::to_owned).await, &down);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_listens_there_and_is_no_switch_is_told_apart() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = ("login", "", "fault", "no connection to", "is the switch running");
    judge("nobody listens", examined(free, str::to_owned).await, &[refused]);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    thread::spawn(move || {
        let streams: Vec<_> =
            other.incoming().flatten().map(|mut stream| (stream.write_all(b"SSH-2.0-x\r\n"), stream)).collect();
        drop(streams);
    });
    let silent = ("login", "", "fault", "does not greet as an event socket", "port 8021");
    judge("another program", examined(address, str::to_owned).await, &[silent]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_this_machine_is_named_with_its_cure() {
    let other = |from: &'static str, to: &'static str| move |config: &str| config.replace(from, to);
    let no_folder = [("store", "", "fault", "cannot be written", "install -d")];
    try_config("no folder for the store", other("{folder}/p.db", "{folder}/none/p.db"), &no_folder).await;
    let no_store = [("store", "", "fault", "is damaged or no store", "move it away")];
    let damaged = |config: &str| {
        let at = std::env::temp_dir().join(format!("perezvon-no-store-{}", std::process::id()));
        fs::write(&at, "this is no database, however long one reads it").unwrap();
        config.replace("{folder}/p.db", at.to_str().unwrap())
    };
    try_config("no store of ours", damaged, &no_store).await;
    let no_socket = [("daemon", "", "fault", "none could open", "RuntimeDirectory")];
    try_config("no folder for the socket", other("{folder}/p.sock", "{folder}/none/p.sock"), &no_socket).await;
    let spool = [("spool", "", "fault", "records cannot be taken out of", "deploy/tmpfiles.d/perezvon.conf")];
    try_config("no spool", |config| format!("{config}[cdr]\nfolder = \"{{folder}}/none\"\n"), &spool).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let (_streets, address) = switch(|_| ()).await;
    let (ill, code) = examined(address, |config| config.replace("127.0.0.1:0", &port)).await;
    let ill: Vec<Value> = ill.into_iter().filter(|finding| finding["check"] != "records").collect();
    judge("a port that is taken", (ill, code), &[("http", "", "fault", "cannot be listened at", "ss -ltnp")]);
    let voice = |config: &str| {
        format!("{config}[voice]\ncommand = \"/nonexistent/say {{file}}\"\ncache = \"{{folder}}/none\"\n")
    };
    let cache = [("render", "", "fault", "cannot be had", "install -d -o perezvon -g freeswitch -m 2750")];
    try_config("no folder of sounds", voice, &cache).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rendered_is_played() {
    use std::os::unix::fs::PermissionsExt;
    let sounds = tempfile::tempdir().unwrap();
    fs::set_permissions(sounds.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let voice = |config: &str| {
        let (command, cache) = ("sh -c 'printf %99s x > \\\"$1\\\"' sh {file}", sounds.path().display());
        format!("{config}[voice]\ncommand = \"{command}\"\ncache = \"{cache}\"\n")
    };
    try_config("rendered", voice, &[]).await;
    let place: &'static str = Box::leak(sounds.path().to_str().unwrap().to_owned().into_boxed_str());
    let (_streets, address) = switch(|health| (well_posted(health), cannot(place)(health)).1).await;
    let unread = [("rendered", "", "fault", "FILE NOT FOUND", "let its user read the folder `cache`")];
    judge("not readable", examined(address, voice).await, &unread);
    assert!(Path::new(place).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_read_it_by_places_with_the_cures_below() {
    let (_streets, address) = switch(lacks("mod_flite")).await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("p.toml");
    let config = CONFIG.replace("{switch}", &address.to_string());
    fs::write(&at, config.replace("{folder}", folder.path().to_str().unwrap())).unwrap();
    let at = at.to_str().unwrap().to_owned();
    let output = tokio::task::spawn_blocking(move || perezvon(&["doctor", "--config", &at])).await.unwrap();
    let said = text(&output.stdout);
    for line in [
        "switch main\n  ok       login ",
        "\n  ok       gateway provider       registered: trunk provider\n",
        "\n  fault    module mod_flite       no module speaks as the engine `flite` of [voice]\n           -> `load mod_flite`",
        "\noperators\n  ok       phone anna             registered: 1001\n",
        "\nthis machine\n",
    ] {
        assert!(said.contains(line), "{line:?} is not in {said}");
    }
    assert_eq!((output.status.code(), text(&output.stderr).trim()), (Some(1), "faults: 1"));
}
