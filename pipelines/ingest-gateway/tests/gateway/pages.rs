//! Pages, and what stands on them beside the products.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use catalogue::{CatalogueTopic, Product, ProductCodec};
use ingest_gateway::server::ServerOptions;
use ingest_gateway::together::{Companions, Counting, Together};
use order_codec::schemas::PRODUCT_V1;
use order_codec::{FileSchemas, RegistryError, SchemaSource};
use order_log::{Headers, Log as _, MemoryLog};
use order_model::Sku;
use order_worker::Topics;
use reqwest::Method;
use serde_json::json;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::grpc;
use crate::shop::{Answer, Shop, Wishes, now, pages};

fn product(sku: &str, title: &str) -> Product {
    Product::new(sku.parse().unwrap(), title)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_letter_and_of_the_sales_are_there() {
    let products = vec![product("A", "Alpha <b>"), product("B", "Beta")];
    let shop = Shop::open(Wishes { products, ..Wishes::default() }).await;
    for (path, part) in
        [("/reset", "id=\"reset-form\""), ("/verify", "id=\"verify-form\""), ("/account", "href=\"/reset\"")]
    {
        let page = shop.get(path, None).await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert!(page.text.contains(part), "{path}: {}", page.text);
    }
    let script = shop.get("/assets/reset.js", None).await;
    assert_eq!(
        (script.status.as_u16(), script.header("content-type")),
        (200, "text/javascript; charset=utf-8")
    );

    // A browser is shown a page, a script a document.
    for (path, status) in
        [("/no/such/page", 404), ("/items/ZZZ", 404), ("/orders/x", 400), ("/rooms/none", 404)]
    {
        let wants_page = shop.request(Method::GET, path, None).header("accept", "text/html,*/*;q=0.8");
        let page = Answer::of(wants_page.send().await.unwrap()).await;
        assert_eq!(
            (page.status.as_u16(), page.header("content-type")),
            (status, "text/html; charset=utf-8"),
            "{path}"
        );
        assert!(
            page.text.contains("To the shop") && page.header("content-security-policy").contains("'none'")
        );
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(page.header("referrer-policy"), "no-referrer", "{path}");
    }
    let wants_page = |method, path: &str| shop.request(method, path, None).header("accept", "text/html");
    let put = Answer::of(wants_page(Method::PUT, "/cart").send().await.unwrap()).await;
    assert!(put.text.contains("To the shop"), "{put:?}");
    assert_eq!((put.status.as_u16(), put.header("allow")), (405, "GET,HEAD"));
    // What is turned away before anything looks at it as well.
    let long = format!("/{}", "a".repeat(3_000));
    let refused = Answer::of(wants_page(Method::GET, &long).send().await.unwrap()).await;
    assert!(refused.status == 414 && refused.text.contains("To the shop"), "{refused:?}");
    assert_eq!(refused.header("x-content-type-options"), "nosniff");
    shop.get("/no/such/page", None).await.problem(404, "no_such_resource");

    let later = humantime(now().0 + 3_600_000);
    shop.list(&[("A", 5)], &json!({})).await;
    let opening = json!({"name": "monday", "currency": "EUR", "listings": [
        {"sku": "B", "stock": 1, "prices": [{"unit_price": 500}], "opens_at": later},
    ]});
    let opened = shop.post("/v1/admin/sales", &shop.key(1, "admin"), &[], &opening).await;
    assert_eq!(opened.status, 202, "{opened:?}");
    shop.until("both sales are shown", async |shop| {
        let text = shop.get("/", None).await.text;
        let (friday, monday) = (text.find("<strong>friday"), text.find("<strong>monday"));
        friday.is_some() && monday.is_some() && text.contains("Alpha &lt;b&gt;")
    })
    .await;
    let text = shop.get("/", None).await.text;
    let [friday, monday] = ["<strong>friday", "<strong>monday"].map(|part| text.find(part).unwrap());
    assert!(friday < monday, "the one that is open comes first");
    assert!(text.contains("<span class=\"tag open\">") && text.contains("<span class=\"tag not_open\">"));
    assert!(shop.close().await);
}

fn humantime(ms: u64) -> String {
    ingest_gateway::views::time_text(order_model::TimeMs(ms)).unwrap()
}

/// Knows what goes with A, and fails at all else.
pub(crate) struct Counted;

impl Companions for Counted {
    fn of(&self, sku: Sku, most: usize) -> Counting<'_> {
        Box::pin(async move {
            let others = ["B", "GONE", "C"].map(|sku| sku.parse().unwrap());
            if sku.as_str() == "A" {
                Ok(others.into_iter().take(most).collect())
            } else {
                Err("away".to_owned())
            }
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_bought_together_is_shown_and_absent_without_harm() {
    let products = || vec![product("A", "Alpha"), product("B", "Beta"), product("C", "Gamma")];
    let together = Some(Arc::new(Together::new(Arc::new(Counted))));
    let server = ServerOptions { together, ..ServerOptions::default() };
    let shop = Shop::open(Wishes { server, products: products(), ..Wishes::default() }).await;
    shop.until("there are products", async |shop| shop.get("/v1/products/C", None).await.status == 200).await;
    let answer = shop.get("/v1/products/A/bought-together", None).await;
    assert_eq!(
        answer.json(),
        json!({"products": [{"sku": "B", "title": "Beta"}, {"sku": "C", "title": "Gamma"}]}),
        "what is no longer in the catalogue is left out"
    );
    assert_eq!(answer.header("cache-control"), "public, max-age=60");
    for sku in ["B", "NONE"] {
        let answer = shop.get(&format!("/v1/products/{sku}/bought-together"), None).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"products": []})), "{sku}");
    }
    assert!(shop.close().await);

    let shop = Shop::open(Wishes { products: products(), ..Wishes::default() }).await;
    let answer = shop.get("/v1/products/A/bought-together", None).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"products": []})), "nobody counts");
    assert!(shop.close().await);
}

/// A registry that says nothing until its other end is dropped, and then of every schema that it is ours.
struct Slow {
    files: FileSchemas,
    held: Mutex<Receiver<()>>,
}

impl SchemaSource for Slow {
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        self.files.register_or_find(subject, schema_json)
    }

    fn schema(&self, _: u32) -> Result<Option<String>, RegistryError> {
        // Nobody sends anything: this is the end of the other end.
        assert!(self.held.lock().unwrap().recv().is_err());
        Ok(Some(PRODUCT_V1.to_owned()))
    }
}

async fn until_ready(shop: &Shop, what: &str) {
    shop.until(what, async |shop| shop.get("/readyz", None).await.status == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_pages_is_ready_when_its_products_are_read() {
    let log = MemoryLog::new(Arc::new(|| now().0));
    log.create_topics(&Topics::with_prefix("").specs(1, 1, 1_000_000_000)).unwrap();
    let (hold, held) = channel();
    let registry = Slow { files: FileSchemas::new().unwrap(), held: Mutex::new(held) };
    let codec = ProductCodec::new(Arc::new(registry)).unwrap();
    let mut foreign = Vec::new();
    codec.product_to(&product("A", "Alpha"), &mut foreign);
    foreign[1..5].copy_from_slice(&4_711_u32.to_be_bytes());
    log.append_at("catalogue", 0, now().0, Some(b"A"), Some(&foreign), Headers::NONE).unwrap();
    let open = async |name: &str| {
        let topic = CatalogueTopic { log: Arc::new(log.clone()), name: name.into(), codec: codec.clone() };
        let server = ServerOptions { shop: Some(pages(topic)), ..ServerOptions::default() };
        Shop::open(Wishes { server, ..Wishes::default() }).await
    };
    let shop = open("catalogue").await;
    let mut health = HealthClient::new(grpc::channel(&shop).await);
    let mut statuses = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(statuses.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    shop.get("/readyz", None).await.problem(503, "not_ready");
    drop(hold);
    until_ready(&shop, "its products are read").await;
    assert_eq!(shop.get("/v1/products/A", None).await.status, 200);
    assert_eq!(statuses.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    drop((health, statuses));
    assert!(shop.close().await);

    let shop = open("nowhere").await;
    until_ready(&shop, "it does not wait for a topic that is not there").await;
    assert!(shop.close().await);
}
