//! Requests of pages in browsers.

use crate::clients::{JSON, LOGS, Reply, post, request, send};
use crate::harness::{ALL, Receiver};

const CORS: &str = "cors: { allowed_origins: ['https://*.example.com'], allowed_headers: [X-Tenant], exposed_headers: [X-Seen], max_age: 60 }";
const ORIGIN: (&str, &str) = ("origin", "https://a.example.com");
const POST: (&str, &str) = ("access-control-request-method", "POST");

async fn ask(receiver: &Receiver, headers: &[(&str, &str)]) -> Reply {
    send(request("OPTIONS", receiver.http, LOGS, headers, "")).await
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_send_and_read_the_answer() {
    let receiver = Receiver::start("", CORS, ALL).await;
    let asked = [ORIGIN, POST, ("access-control-request-headers", "content-type, x-tenant")];
    let told = ask(&receiver, &asked).await;
    assert_eq!(told.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", "https://a.example.com"),
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "content-type, x-tenant"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "60"),
    ] {
        assert_eq!(told.header(name), value, "{name}");
    }
    let body = testkit::log_records(1).to_json();
    let reply = post(receiver.http, LOGS, &[JSON, ORIGIN], body).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("access-control-allow-origin"), "https://a.example.com");
    assert_eq!(reply.header("access-control-expose-headers"), "X-Seen");
    assert_eq!(reply.header("vary"), "Origin");
}

#[tokio::test]
async fn what_is_not_allowed_gets_the_same_answer_without_the_headers() {
    let receiver = Receiver::start("", CORS, ALL).await;
    let other = ("origin", "https://example.org");
    for asked in [
        &[other, POST][..],
        &[ORIGIN, ("access-control-request-method", "DELETE")],
        &[ORIGIN, POST, ("access-control-request-headers", "x-other")],
    ] {
        let told = ask(&receiver, asked).await;
        assert_eq!(told.status, 204);
        assert_eq!(told.header("access-control-allow-origin"), "", "{asked:?}");
    }
    let body = testkit::log_records(1).to_json();
    let reply = post(receiver.http, LOGS, &[JSON, other], body).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, ""));
}

#[tokio::test]
async fn without_allowed_origins_there_is_no_such_question() {
    let receiver = Receiver::plain().await;
    assert_eq!(ask(&receiver, &[ORIGIN, POST]).await.status, 405);
}
