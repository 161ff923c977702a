//! `perezvon demo --stay`: the same house in real time, until it is told to stop, for who wants to look at the pages: the console, the
//! operators' page, a shop with the widget. Nobody has a telephone in it: who "answers" is pretended, and people call all the while.

use super::{Folder, LOOK, Options, local, tell::Teller};
use crate::{
    cli::{
        Failure,
        run::{House, Parts},
    },
    clock::Clock,
    config,
    control::Tiding,
    engine::{
        input::{Input, Wish},
        rules::Language,
        time::{Now, Span},
    },
    http::{SHOP_KEY, fingerprint, shop},
    metrics,
    sim::{
        house::{House as Rooms, LineOf, Reception, give_callers_to},
        people::{Habit, Reaction},
        random::Random,
        switch::{Caller, Config, Party},
        tcp::Streets,
        town::Town,
    },
    store,
};
use bytes::Bytes;
use std::{
    io::Write,
    net::{SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{sleep, timeout},
};

/// Who may sign in, as which operator (of those below), and for what. The key of each is [`KEY`].
const PEOPLE: [(&str, Option<usize>, &str); 4] = [
    ("anna", Some(0), "operate"),
    ("boris", Some(1), "operate"),
    ("vera", Some(2), "operate"),
    ("boss", None, "admin"),
];
const KEY: &str = "demo";
/// The two lines: one whose dialplan gives us its callers, and one that rings an operator by itself.
const LINES: [(&str, &str); 2] = [("site", "+74951112233"), ("shop", "+74951112244")];
/// The pause between two callers, in seconds.
const PAUSE: (u64, u64) = (8, 30);
/// How many clients there are: some call again.
const CLIENTS: u64 = 400;

/// Runs until SIGINT or SIGTERM.
pub async fn run(options: &Options, language: Language, out: &mut impl Write) -> Result<(), Failure> {
    let folder = Folder::new()?;
    let clock = Clock::system();
    let rooms = rooms(language);
    let outbound = TcpListener::bind(local(0))?.local_addr()?;
    let town = town(&rooms, outbound, options.seed, clock.now());
    let streets = Streets::new(town, clock);
    let switch = streets.listen(local(0)).await?;
    // The widget's pages must be of an origin that the configuration names: the port is chosen before.
    let address = match TcpListener::bind(options.listen) {
        Ok(free) => free.local_addr()?,
        Err(_) => TcpListener::bind(local(0))?.local_addr()?,
    };
    let text = configuration(&rooms, language, switch, outbound, address, &folder.0);
    let config = config::parse("demo.toml", &text, &folder.0, std::iter::empty());
    let config = config.map_err(|faults| Failure::Failed(faults.to_string()))?;
    let failed = |why: store::StoreError| Failure::Failed(why.to_string());
    let store = store::open(&config.store, clock.now().wall).await.map_err(failed)?;
    let house = Parts { clock, store, started: None, config }.start().await?;
    let recorder = metrics::install().map_err(Failure::Failed)?;
    house.listen_with(address, recorder, shop()).await?;
    let names = rooms.operators.iter().filter_map(|name| Some((rooms.user(name)?, name.clone()))).collect();
    let teller = Teller::new(language, names);
    writeln!(out, "{}", teller.stays(address, &PEOPLE.map(|(name, ..)| name), KEY))?;
    out.flush()?;
    live(house, &streets, teller, options.seed, out).await
}

fn rooms(language: Language) -> Rooms {
    let operators: [&str; 3] = match language {
        Language::Ru => ["Анна", "Борис", "Вера"],
        Language::En => ["Anna", "Boris", "Vera"],
    };
    let operators: Vec<String> = operators.map(str::to_owned).into();
    let receptions = [
        Reception::Given(operators.clone(), Span::seconds(20)),
        Reception::Direct(operators[..1].to_vec(), Span::seconds(15)),
    ];
    let lines = LINES.into_iter().zip(receptions);
    let lines =
        lines.filter_map(|((name, number), reception)| Some(LineOf::new(name, number.parse().ok()?, reception)));
    Rooms { lines: lines.collect(), operators, ..Rooms::default() }
}

fn town(rooms: &Rooms, outbound: SocketAddr, seed: u64, now: Now) -> Town {
    let mut config: Config = rooms.switch();
    give_callers_to(&mut config, outbound);
    let mut town = Town::new(config, seed, now);
    for user in rooms.operators.iter().filter_map(|name| rooms.user(name)) {
        let answers = Habit::always(Reaction::Answers(Span::seconds(4))).talking(Span::seconds(90));
        town.people.habit(Party::User(user), answers);
    }
    town
}

fn configuration(
    rooms: &Rooms,
    language: Language,
    switch: SocketAddr,
    outbound: SocketAddr,
    address: SocketAddr,
    folder: &Path,
) -> String {
    let language = match language {
        Language::Ru => "ru",
        Language::En => "en",
    };
    let token = |(name, operator, scope): (&str, Option<usize>, &str)| {
        let operator = operator.and_then(|at| rooms.operators.get(at));
        let operator = operator.map(|name| format!("operator = \"{name}\"\n")).unwrap_or_default();
        let hash = fingerprint(&format!("{KEY}-{name}"));
        format!("[http.token.{name}]\nhash = \"{hash}\"\nscope = \"{scope}\"\n{operator}")
    };
    let operator = |name: &String| {
        let user = rooms.user(name).unwrap_or_default();
        format!("[[operator]]\nname = \"{name}\"\ndial = \"user/{user}\"\n")
    };
    let line = |(name, number): (&str, &str)| {
        format!("[[line]]\nname = \"{name}\"\nnumbers = [\"{number}\"]\ngroup = \"all\"\n")
    };
    let own = format!("http://{address}");
    format!(
        "[switch.main]\naddress = \"{switch}\"\npassword = \"pretend\"\n[outbound]\nlisten = \"{outbound}\"\n\
         [store]\nurl = \"sqlite:{store}\"\n[voice]\ncache = \"{voice}\"\n{tokens}\
         [defaults]\nlanguage = \"{language}\"\ntime_zone = \"{zone}\"\ncountry = \"RU\"\n\
         [defaults.redial]\ntrack = \"30s\"\nring = \"20s\"\nno_answer = {{ after = \"5m\" }}\n\
         [trunk.provider]\ndial = \"sofia/gateway/provider/{{number}}\"\nchannels = 8\n{operators}\
         [[group]]\nname = \"all\"\noperators = {names:?}\nstrategy = \"longest-idle-agent\"\n{lines}\
         [site.shop]\nkey = \"{SHOP_KEY}\"\norigins = [\"{own}\"]\nline = \"site\"\nchat = true\n",
        store = folder.join("demo.db").display(),
        voice = folder.join("voice").display(),
        tokens = PEOPLE.map(token).concat(),
        zone = super::morning::ZONE,
        operators = rooms.operators.iter().map(operator).collect::<String>(),
        names = rooms.operators,
        lines = LINES.map(line).concat(),
    )
}

/// Lets people call, and tells what happens, until it is told to stop.
async fn live(
    house: House,
    streets: &Streets,
    mut teller: Teller,
    seed: u64,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let House { daemon, service, .. } = house;
    let mut tidings = service.handle().listen();
    let mut daemon = tokio::spawn(async move { daemon.run().await.map_err(Failure::from) });
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let callers = tokio::spawn(call_all_day(streets.clone(), Random::new(seed)));
    loop {
        tokio::select! {
            tiding = tidings.recv() => if let Ok(tiding) = tiding {
                tell(&mut teller, &tiding, out)?;
            },
            () = sleep(LOOK) => {
                // The records of calls, as mod_json_cdr posts them.
                for record in streets.with(|town, _| (town.happened(), town.switch.cdrs())).1 {
                    let handle = service.handle().clone();
                    tokio::spawn(async move { drop(handle.cdr(None, Bytes::from(record)).await) });
                }
            }
            ended = &mut daemon => return ended.map_err(|error| Failure::Failed(error.to_string()))?,
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    callers.abort();
    let _ = timeout(super::STOP, service.handle().step(Input::Wish(Wish::Drain))).await;
    let _ = timeout(super::STOP, daemon).await;
    Ok(())
}

fn tell(teller: &mut Teller, tiding: &Tiding, out: &mut impl Write) -> Result<(), Failure> {
    let (Tiding::Notice(at, _) | Tiding::Alarm(at, _)) = tiding;
    if let Some(line) = teller.tiding(tiding) {
        let time = at.timestamp().to_zoned(super::zone()).strftime("%H:%M:%S").to_string();
        writeln!(out, "{time}  {line}")?;
        out.flush()?;
    }
    Ok(())
}

/// Somebody calls, some seconds later somebody else does.
async fn call_all_day(streets: Streets, mut random: Random) {
    loop {
        let number = format!("7916{:07}", 1_000_000 + random.below(CLIENTS) * 137);
        let line = if random.chance(70) { LINES[0] } else { LINES[1] };
        let patience = Span::seconds(if random.chance(35) { random.between(2, 6) } else { random.between(30, 90) });
        let talks = Span::seconds(random.between(15, 70));
        let answers = match random.below(10) {
            0 => Reaction::Refuses(486),
            1 => Reaction::Ignores,
            _ => Reaction::Answers(Span::seconds(random.between(2, 8))),
        };
        let caller = Caller {
            user: None,
            number: number.clone(),
            name: String::new(),
            dialled: line.1.trim_start_matches('+').into(),
        };
        streets.with(|town, now| {
            town.people.habit(Party::Number(number), Habit::always(answers).talking(talks));
            town.call(&caller, patience, now)
        });
        sleep(Duration::from_secs(random.between(PAUSE.0, PAUSE.1))).await;
    }
}
