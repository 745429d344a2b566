//! Requests to the Calls API as they happen.

use cloudflare_calls_server::diagram::Diagram;
use tracing_subscriber::layer::SubscriberExt;

use crate::support::{ROOM, World};

#[tokio::test]
async fn each_request_to_the_api_is_an_arrow_with_the_member_that_it_is_for() {
    let diagram = Diagram::new();
    let mut arrows = diagram.arrows();
    let subscriber = tracing_subscriber::registry().with(diagram);
    // Of this thread, on which everything of this test runs.
    let _subscribed = tracing::subscriber::set_default(subscriber);
    let world = World::canned().await;
    let member = world.join(ROOM, "").await;
    let session = member.session().await;
    member.publish(&session, "microphone").await;
    for expected in ["new_session", "new_tracks"] {
        let arrow = arrows.recv().await.unwrap();
        assert_eq!(arrow.operation, expected);
        assert_eq!(arrow.method, "POST");
        assert!(matches!(arrow.status, Some(200 | 201)), "{:?}", arrow.status);
        assert!(arrow.ms.is_some() && arrow.at > 0);
        assert_eq!(arrow.label, format!("{ROOM}/{}", member.id));
    }
}
