//! The headers of an event that are read, each by one name here.

macro_rules! names {
    ($($name:ident: $header:literal,)*) => {
        $(pub(super) const $name: &str = $header;)*
        /// All of them, for whoever holds a pretend switch against a real one.
        pub const ALL: &[&str] = &[$($header,)*];
    };
}

names! {
    EVENT_NAME: "Event-Name",
    SUBCLASS: "Event-Subclass",
    SEQUENCE: "Event-Sequence",
    AT: "Event-Date-Timestamp",
    ID: "Unique-ID",
    DIRECTION: "Call-Direction",
    PRESENCE: "Channel-Presence-ID",
    CHANNEL_STATE: "Channel-State",
    ANSWER_STATE: "Answer-State",
    HANGUP_CAUSE: "Hangup-Cause",
    USERNAME: "Caller-Username",
    CALLER_NAME: "Caller-Caller-ID-Name",
    CALLER_NUMBER: "Caller-Caller-ID-Number",
    FIRST_CALLER_NAME: "Caller-Orig-Caller-ID-Name",
    FIRST_CALLER_NUMBER: "Caller-Orig-Caller-ID-Number",
    DESTINATION: "Caller-Destination-Number",
    PROFILE: "Caller-Profile-Index",
    CREATED: "Caller-Channel-Created-Time",
    ANSWERED: "Caller-Channel-Answered-Time",
    BRIDGED: "Caller-Channel-Bridged-Time",
    OTHER_ANSWERED: "Other-Leg-Channel-Answered-Time",
    BRIDGE_A: "Bridge-A-Unique-ID",
    BRIDGE_B: "Bridge-B-Unique-ID",
    BRIDGED_TO: "variable_bridge_uuid",
    REQUESTED: "variable_sip_req_user",
    DIALLED_USER: "variable_dialed_user",
    USER: "variable_user_name",
    SIP_STATUS: "variable_sip_invite_failure_status",
    EXECUTES: "variable_current_application",
    APPLICATION: "Application",
    APPLICATION_ID: "Application-UUID",
    APPLICATION_DATA: "Application-Data",
    APPLICATION_RESPONSE: "Application-Response",
    DIGIT: "DTMF-Digit",
    JOB: "Job-UUID",
    CC_ACTION: "CC-Action",
    CC_QUEUE: "CC-Queue",
    CC_AGENT: "CC-Agent",
    CC_STATUS: "CC-Agent-Status",
    CC_MEMBER: "CC-Member-Session-UUID",
    FROM_USER: "from-user",
    EXPIRED_USER: "user",
}
