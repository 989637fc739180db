//! The description of all routes (OpenAPI 3.1), made from the code.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::request::JSON;
use super::{admin, bodies, carts, listings, orders, payments, people, products, rooms, subscriptions};

/// Every route stands here.
#[derive(OpenApi)]
#[openapi(
    info(title = "Doorbuster", description = "Places orders, and tells what becomes of them.", version = "1"),
    paths(
        orders::place, orders::place_all, orders::cancel, orders::show, orders::events, orders::mine,
        listings::list, listings::show, listings::events, listings::sale, listings::sale_events,
        people::register, people::resend, people::verify, people::forgot, people::reset, people::log_in,
        people::refresh, people::log_out, people::me, people::change_password, people::erase,
        carts::show, carts::clear, carts::put_line, carts::remove_line, carts::check_out,
        products::list, products::one, products::together,
        rooms::enter, rooms::show, rooms::leave, rooms::events,
        subscriptions::subscribe, subscriptions::unsubscribe, payments::callback,
        admin::apply_sale, admin::tell_listing, admin::tell_room, super::live, super::ready,
    ),
    components(schemas(crate::views::OrderEventView, bodies::RevealBody)),
    modifiers(&Bearer),
)]
struct Routes;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// The description, as it is committed in `schemas/openapi/gateway.json`.
pub fn openapi() -> String {
    let mut text = Routes::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

pub(super) async fn serve() -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(JSON))], openapi()).into_response()
}
