//! Any stream on a connection that the dialplan makes, however it is cut: the channel is given at most once, what is said to the switch are whole
//! commands of ours, and a closed connection stays closed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use perezvon::esl::{
    Limits,
    command::Reader,
    outbound::{Notice, Session},
};

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (gives_back, size, stream) = input;
    let limits = Limits { header_block: 2048, body: 512, skip: 4096, headers: 64 };
    let mut session = Session::new(limits);
    let (mut given, mut said) = (0, Reader::default());
    for piece in stream.chunks(usize::from(size) + 1) {
        let closed = session.is_closed();
        session.receive(piece);
        while let Some(notice) = session.poll() {
            assert!(!closed);
            match notice {
                Notice::Given(channel) => {
                    given += 1;
                    assert!(session.is_held() && channel.channel().id().is_some());
                    if gives_back {
                        session.give_back();
                    }
                }
                Notice::Over | Notice::Unfit(_) => assert!(session.is_closed()),
            }
        }
        said.push(&session.take_output());
        while let Some(command) = said.next_command() {
            assert!(command.is_ok());
        }
    }
    assert!(given <= 1);
});
