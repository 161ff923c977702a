//! The connection to a switch over a real socket: the pretend one, and some that behave badly.

use perezvon::{
    clock::Clock,
    engine::{
        effect::{Effect, Facts, HangupCause, Originate, Words},
        input::{Asked, News},
        record::{CallbackId, ChannelId, Role},
        rules::Language,
        time::Span,
    },
    esl::{connection::Credentials, text::Secret},
    sim::{house::House, people::Reaction, switch::Party, tcp::Streets, town::Town},
    switch::{
        inbound::{Inbound, Settings},
        link::{Perform, Roll, Told},
        order::Speakers,
    },
};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
    time::timeout,
};
use uuid::Uuid;

const OPERATOR: &str = "00000000-0000-4000-8000-000000000001";
const CLIENT: &str = "00000000-0000-4000-8000-000000000002";

/// A town that is twenty times as fast as ours.
fn town() -> Streets {
    let clock = Clock::pretended(Clock::system().now().wall, 20.0);
    let mut town = Town::new(House::default().switch(), 7, clock.now());
    town.habit(Party::Number("79161234567".into()), Reaction::Answers(Span::seconds(2)), Span::seconds(30));
    town.habit(Party::Number("79160000486".into()), Reaction::Refuses(486), Span::ZERO);
    Streets::new(town, clock)
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn link(address: SocketAddr, password: &str) -> (Inbound, mpsc::Receiver<Told>) {
    let (told, news) = mpsc::channel(1024);
    let settings = Settings {
        name: "main".into(),
        address: address.to_string(),
        credentials: Credentials::Password(Secret::new(password).unwrap()),
        speakers: Speakers { ru: "tts_commandline|ru".into(), en: "flite|slt".into(), ..Speakers::default() },
        follow_agents: true,
        roll: Roll::new(["main".into()]),
    };
    (Inbound::start(settings, Clock::system(), told), news)
}

fn leg(id: &str, role: Role, dial: &str, number: Option<&str>) -> Effect {
    Effect::Originate(Box::new(Originate {
        switch: "main".into(),
        leg: ChannelId::new(id),
        job: Uuid::parse_str(id).unwrap(),
        role,
        dial: dial.into(),
        number: number.map(str::to_owned),
        shown: "+74951112233".parse().ok(),
        shown_name: "${system(id)}".into(),
        ring: Span::seconds(20),
        cap: Span::seconds(600),
        park: Span::seconds(60),
        track: None,
        of: CallbackId(1).into(),
        attempt: 1,
    }))
}

/// Waits for news of a kind; gives what came until then, it included.
async fn until(news: &mut mpsc::Receiver<Told>, is: impl Fn(&News) -> bool) -> Vec<News> {
    let mut all = Vec::new();
    let found = timeout(Duration::from_secs(10), async {
        while let Some(told) = news.recv().await {
            let Told::News(_, told) = told else { return false };
            if told != News::Heartbeat {
                all.push(told);
            }
            if all.last().is_some_and(&is) {
                return true;
            }
        }
        false
    });
    assert_eq!(found.await, Ok(true), "it does not come after {all:?}");
    all
}

#[tokio::test]
async fn a_callback_goes_through_step_by_step() {
    let town = town();
    let (link, mut news) = link(town.listen(anywhere()).await.unwrap(), "pretend");
    until(&mut news, |news| *news == News::Up).await;
    let (operator, client) = (ChannelId::new(OPERATOR), ChannelId::new(CLIENT));
    assert!(link.perform(&leg(OPERATOR, Role::Operator, "user/1001", None)));
    let all = until(&mut news, |news| *news == News::Parked(operator.clone())).await;
    let place = |what: &News| all.iter().position(|news| news == what).unwrap_or(usize::MAX);
    assert!(place(&News::Answered(operator.clone())) < place(&News::Parked(operator.clone())), "{all:?}");
    assert!(all.contains(&News::Taken(operator.clone())), "{all:?}");

    let token = Uuid::from_u128(99);
    let words = Words { template: "Missed call.".into(), language: Language::En, facts: Facts::default() };
    let say = Effect::Say { switch: "main".into(), leg: operator.clone(), token, words: Box::new(words) };
    assert!(link.perform(&say));
    until(&mut news, |news| *news == News::Said { id: operator.clone(), token }).await;

    assert!(link.perform(&leg(CLIENT, Role::Client, "sofia/gateway/provider/{number}", Some("79161234567"))));
    until(&mut news, |news| *news == News::Parked(client.clone())).await;
    let bridge = Effect::Bridge { switch: "main".into(), operator: operator.clone(), client: client.clone() };
    assert!(link.perform(&bridge));
    until(&mut news, |news| matches!(news, News::Bridged(..))).await;

    link.perform(&Effect::AskLeg { switch: "main".into(), channel: operator.clone() });
    let all = until(&mut news, |news| matches!(news, News::State(..))).await;
    let Some(News::State(id, Some(state))) = all.last() else { panic!("{all:?}") };
    assert_eq!((id, state.answered, state.bridged.as_ref()), (&operator, true, Some(&client)));
    link.perform(&Effect::AskChannels { switch: "main".into(), token });
    let all = until(&mut news, |news| matches!(news, News::Channels { .. })).await;
    assert!(matches!(all.last(), Some(News::Channels { list: Some(list), .. }) if list.len() == 2), "{all:?}");

    link.perform(&Effect::Hangup { switch: "main".into(), channel: client.clone(), cause: HangupCause::Done });
    until(&mut news, |news| matches!(news, News::Ended(ended) if ended.id == operator)).await;
    link.perform(&Effect::AskLeg { switch: "main".into(), channel: client.clone() });
    let all = until(&mut news, |news| matches!(news, News::State(..))).await;
    assert_eq!(all.last(), Some(&News::State(client, None)));
    assert_eq!(town.with(|town, _| town.switch.strange_commands().to_vec()), Vec::<String>::new());
    assert_eq!(town.with(|town, _| town.switch.expanded().to_vec()), Vec::<String>::new());
}

#[tokio::test]
async fn a_busy_client_is_told_by_event_and_job() {
    let town = town();
    let (link, mut news) = link(town.listen(anywhere()).await.unwrap(), "pretend");
    until(&mut news, |news| *news == News::Up).await;
    assert!(link.perform(&leg(CLIENT, Role::Client, "sofia/gateway/provider/{number}", Some("79160000486"))));
    let all = until(&mut news, |news| matches!(news, News::Refused { what: Asked::Originate, .. })).await;
    assert!(all.iter().any(|news| matches!(news, News::Ended(ended) if &*ended.cause == "USER_BUSY")), "{all:?}");
}

#[tokio::test]
async fn a_wrong_password_is_hopeless_and_says_where_to_look() {
    let (_link, mut news) = link(town().listen(anywhere()).await.unwrap(), "wrong");
    let told = timeout(Duration::from_secs(5), news.recv()).await.unwrap();
    let Some(Told::Hopeless(name, why)) = told else { panic!("{told:?}") };
    assert!(&*name == "main" && why.contains("switch.main.password") && why.contains("event_socket.conf.xml"), "{why}");
    assert!(news.recv().await.is_none(), "the task ends");
}

#[tokio::test]
async fn a_lost_connection_is_made_anew_and_nothing_is_kept_for_it() {
    let town = town();
    let address = town.listen(anywhere()).await.unwrap();
    let (link, mut news) = link(address, "pretend");
    assert!(!link.perform(&leg(OPERATOR, Role::Operator, "user/1001", None)), "not connected yet");
    until(&mut news, |news| *news == News::Up).await;
    town.with(|town, now| town.switch.restart(now));
    until(&mut news, |news| *news == News::Down).await;
    assert!(!link.perform(&leg(OPERATOR, Role::Operator, "user/1001", None)), "the connection is lost");
    until(&mut news, |news| *news == News::Up).await;
    assert_eq!(town.with(|town, _| town.switch.channels().count()), 0);
}

/// A switch that says this to whoever connects, and goes on listening; how often somebody came.
async fn bad_switch(says: &'static [u8]) -> (SocketAddr, mpsc::Receiver<()>) {
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (came, visits) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            if came.send(()).await.is_err() {
                return;
            }
            let _ = stream.write_all(says).await;
            let mut buffer = [0; 4096];
            let _ = timeout(Duration::from_millis(200), stream.read(&mut buffer)).await;
        }
    });
    (address, visits)
}

#[tokio::test]
async fn who_is_rejected_or_hears_nonsense_tries_again() {
    for says in [
        &b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"[..],
        b"Content-Length: -1\n\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"",
    ] {
        let (address, mut visits) = bad_switch(says).await;
        let (_link, mut news) = link(address, "pretend");
        for _ in 0..3 {
            timeout(Duration::from_secs(10), visits.recv()).await.expect("it tries again").expect("it listens");
        }
        assert!(news.try_recv().is_err(), "it was never up");
    }
}
