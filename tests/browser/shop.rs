//! A whole daemon in this process, on the pretend switch and in real time, with its pages.

use perezvon::{
    cli::run::Parts,
    clock::Clock,
    config,
    control::Service,
    engine::{
        paper::{Paper, PaperKind},
        record::ChannelId,
        time::Span,
    },
    http::fingerprint,
    metrics,
    sim::{
        house::{House, Reception, give_callers_to},
        people::Reaction,
        switch::{Caller, Outside, Party},
        tcp::Streets,
        town::Town,
    },
    store::{self, PaperQuery, Store},
};
use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long something may take to come true.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

/// The number of the line "site".
pub const SITE: &str = "+74951112233";
/// Who may sign in: an operator, somebody who sees, the boss. Their secrets are `secret-NAME`.
pub const TOKENS: [(&str, &str, &str); 4] =
    [("anna", "operate", "anna"), ("boris", "operate", "boris"), ("eye", "read", ""), ("boss", "admin", "")];

/// The call centre: anna (user/1001) and boris (user/1002) in the group "sales" serve the line "site", whose calls the dialplan gives to the daemon.
pub struct Shop {
    pub streets: Streets,
    pub service: Service,
    pub store: Arc<dyn Store>,
    pub address: SocketAddr,
    pub folder: TempDir,
}

pub fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

impl Shop {
    /// Opens. `more` is added to the configuration, whose last table is the line "site".
    pub async fn open(more: &str) -> Shop {
        Shop::open_with(more, async |_| {}).await
    }

    /// Opens, after the store was filled.
    pub async fn open_with(more: &str, fill: impl AsyncFnOnce(&dyn Store)) -> Shop {
        static RECORDER: OnceLock<metrics_exporter_prometheus::PrometheusHandle> = OnceLock::new();
        let recorder = RECORDER.get_or_init(|| metrics::install().unwrap()).clone();
        let clock = Clock::system();
        let outbound = std::net::TcpListener::bind(local()).unwrap().local_addr().unwrap();
        let streets = Streets::new(town(outbound, clock), clock);
        let switch = streets.listen(local()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let text = configuration(switch, outbound, &folder, more);
        let file = folder.path().join("perezvon.toml");
        std::fs::write(&file, &text).unwrap();
        let config = config::parse("perezvon.toml", &text, folder.path(), std::iter::empty());
        let config = config.unwrap_or_else(|faults| panic!("{faults}"));
        let store = store::open(&config.store, clock.now().wall).await.unwrap();
        fill(&*store).await;
        let house = Parts { clock, store: store.clone(), started: Some(file), config }.start().await.unwrap();
        let address = house.listen(local(), recorder).await.unwrap();
        let service = house.service.clone();
        tokio::spawn(house.daemon.run());
        let shop = Shop { streets, service, store, address, folder };
        shop.until("the switch is there", async || shop.service.status().await.unwrap().switches[0].settled).await;
        shop
    }

    /// A page of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All papers of this kind.
    pub async fn papers(&self, kind: PaperKind) -> Vec<Paper> {
        self.store.papers(&PaperQuery { kind: Some(kind), ..PaperQuery::default() }).await.unwrap()
    }

    /// This client calls the line, and waits so long.
    pub fn call(&self, number: &str, name: &str, patience: Span) -> ChannelId {
        let dialled = SITE.trim_start_matches('+').to_owned();
        let caller = Caller { user: None, number: number.trim_start_matches('+').into(), name: name.into(), dialled };
        self.streets.with(|town, now| town.call(&caller, patience, now)).expect("nobody calls twice at once")
    }

    /// How this phone reacts from now on, and how long its owner talks.
    pub fn habit(&self, who: Party, reaction: Reaction, talks: Span) {
        self.streets.with(|town, _| town.habit(who, reaction, talks));
    }

    /// What the telephones did since the last time.
    pub fn happened(&self) -> Vec<Outside> {
        self.streets.with(|town, _| town.happened()).into_iter().map(|(_, what)| what).collect()
    }

    /// Waits until this is so.
    pub async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let begun = Instant::now();
        while !is_so().await {
            assert!(begun.elapsed() < PATIENCE, "never came: {what}");
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Operators answer within two seconds and clients within one; all talk for a minute.
fn town(outbound: SocketAddr, clock: Clock) -> Town {
    let mut house = House::default();
    house.operators.truncate(2);
    house.lines.truncate(1);
    house.lines[0].reception = Reception::Given(house.operators.clone(), Span::seconds(15));
    let mut switch = house.switch();
    give_callers_to(&mut switch, outbound);
    let mut town = Town::new(switch, 7, clock.now());
    for user in ["1001", "1002"] {
        town.habit(Party::User(user.into()), Reaction::Answers(Span::seconds(2)), Span::seconds(60));
    }
    town
}

fn configuration(switch: SocketAddr, outbound: SocketAddr, folder: &TempDir, more: &str) -> String {
    let at = |name: &str| folder.path().join(name).display().to_string();
    let token = |(name, scope, operator): (&str, &str, &str)| {
        let operator = if operator.is_empty() { String::new() } else { format!("operator = \"{operator}\"\n") };
        let hash = fingerprint(&format!("secret-{name}"));
        format!("[http.token.{name}]\nhash = \"{hash}\"\nscope = \"{scope}\"\n{operator}")
    };
    format!(
        "[switch.main]\naddress = \"{switch}\"\npassword = \"pretend\"\n[outbound]\nlisten = \"{outbound}\"\n\
         [store]\nurl = \"sqlite:{}\"\n[control]\nsocket = \"{}\"\n{}\
         [voice]\ncache = \"{}\"\n\
         [defaults]\nlanguage = \"en\"\ntime_zone = \"Europe/Moscow\"\ncountry = \"RU\"\n[defaults.redial]\ntrack = \"3s\"\n\
         [trunk.provider]\ndial = \"sofia/gateway/provider/{{number}}\"\n\
         [[operator]]\nname = \"anna\"\ndial = \"user/1001\"\n[[operator]]\nname = \"boris\"\ndial = \"user/1002\"\n\
         [[group]]\nname = \"sales\"\noperators = [\"anna\", \"boris\"]\n\
         [[line]]\nname = \"site\"\nnumbers = [\"{SITE}\"]\ngroup = \"sales\"\n{more}",
        at("perezvon.db"),
        at("perezvon.sock"),
        TOKENS.map(token).concat(),
        at("voice"),
    )
}
