//! Routes about accounts and log-ins. The refresh token travels in a cookie that no script reads, and that no other site's page
//! makes a browser send.

use std::sync::Arc;

use accounts::{RefreshToken, Session};
use axum::extract::{Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gate::Gate;
use super::json;
use super::problem::Problem;
use super::request::object;
use crate::limits::ACCOUNT_BODY_BYTES_MAX;
use crate::people::PeopleRefusal;

const COOKIE_NAME: &str = "refresh";
/// Every route that wants the cookie is below it.
const COOKIE_PATH: &str = "/v1";

/// Somebody who wants an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RegistrationRequest)]
pub(super) struct RegistrationBody {
    /// Where the letter with the link goes.
    email: String,
    /// 8 to 128 characters.
    password: String,
    /// The language of letters, as `en`.
    #[serde(default)]
    locale: String,
}

/// Somebody who logs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LogInRequest)]
pub(super) struct LogInBody {
    /// The address of the account.
    email: String,
    /// Its password.
    password: String,
}

/// An address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AddressRequest)]
pub(super) struct AddressBody {
    /// The address.
    email: String,
}

/// What a link carries, and the password the address was registered with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VerifyRequest)]
pub(super) struct VerifyBody {
    /// The token at the end of the link.
    token: String,
    /// That of the last registration.
    password: String,
}

/// A new password, and what the link carries.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResetRequest)]
pub(super) struct ResetBody {
    /// The token at the end of the link.
    token: String,
    /// 8 to 128 characters.
    password: String,
}

/// A new password, and the old one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangePasswordRequest)]
pub(super) struct ChangePasswordBody {
    /// The one that is to go.
    old: String,
    /// 8 to 128 characters.
    new: String,
}

/// The password again: what cannot be undone needs more than a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordRequest)]
pub(super) struct PasswordBody {
    /// The password.
    password: String,
}

/// Somebody is logged in. The refresh token comes as a cookie.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionView {
    /// To be sent as `Authorization: Bearer`.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// How long it is good, in seconds.
    expires_in: u64,
    /// Who.
    customer: String,
    /// Whether the address is verified; only then may they order.
    verified: bool,
}

/// Somebody's own account.
#[derive(Serialize, ToSchema)]
#[schema(as = Profile)]
pub(super) struct ProfileView {
    /// Who they are in orders.
    customer: String,
    /// Their address.
    email: String,
    /// Whether it is verified.
    verified: bool,
    /// What they may do.
    roles: Vec<&'static str>,
}

async fn body<T: DeserializeOwned>(gate: &Gate, request: Request) -> Result<T, Problem> {
    let (Parts { headers, .. }, body) = request.into_parts();
    object(gate, &headers, body, ACCOUNT_BODY_BYTES_MAX).await
}

/// The cookie, or one that takes it away.
fn cookie(gate: &Gate, token: &str, seconds: u64) -> HeaderValue {
    let secure = if gate.is_tls { "; Secure" } else { "" };
    let text = format!(
        "{COOKIE_NAME}={token}; Path={COOKIE_PATH}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    );
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("refresh=; Path=/v1; Max-Age=0"))
}

fn refresh_token(headers: &HeaderMap) -> Option<RefreshToken> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE_NAME).map(|(_, token)| RefreshToken::new(token))
}

fn session(gate: &Gate, session: &Session) -> Response {
    let now = gate.service.now().0;
    let seconds = |until: u64| until.saturating_sub(now) / 1_000;
    let view = SessionView {
        access_token: session.access.expose().to_owned(),
        token_type: "Bearer",
        expires_in: seconds(session.access_expires.0),
        customer: session.identity.customer.to_string(),
        verified: session.identity.verified,
    };
    let mut response = json(StatusCode::OK, &view);
    let cookie = cookie(gate, session.refresh.expose(), seconds(session.refresh_expires.0));
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

fn ended(gate: &Gate, mut response: Response) -> Response {
    response.headers_mut().insert(SET_COOKIE, cookie(gate, "", 0));
    response
}

/// Registers somebody, and writes them a letter with a link. The answer does not tell whether the address has an account.
#[utoipa::path(post, path = "/v1/accounts", tag = "accounts", request_body = RegistrationBody, responses(
    (status = 202, description = "A letter is on its way."),
    (status = "default", description = "Nothing was done.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn register(State(gate): State<Arc<Gate>>, request: Request) -> Result<StatusCode, Problem> {
    let (people, from) = (gate.people()?, gate.origin(request.extensions(), request.headers()));
    let RegistrationBody { email, password, locale } = body(&gate, request).await?;
    people.register(&email, &password, &locale, from).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Writes the letter with the link again.
#[utoipa::path(post, path = "/v1/accounts:resend", tag = "accounts", request_body = AddressBody, responses(
    (status = 202, description = "If there is something to verify, a letter is on its way, or enough were sent within the hour."),
    (status = "default", description = "Nothing was done.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn resend(State(gate): State<Arc<Gate>>, request: Request) -> Result<StatusCode, Problem> {
    let (people, from) = (gate.people()?, gate.origin(request.extensions(), request.headers()));
    let AddressBody { email } = body(&gate, request).await?;
    people.resend(&email, from).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Verifies an address by the token of a link and the password of the last registration: who only reads the mail may be
/// somebody whose address another has registered. A log-in that is open sees it at its next refresh.
#[utoipa::path(post, path = "/v1/accounts:verify", tag = "accounts", request_body = VerifyBody, responses(
    (status = 204, description = "The address is verified."),
    (status = "default", description = "It is not.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn verify(State(gate): State<Arc<Gate>>, request: Request) -> Result<StatusCode, Problem> {
    let people = gate.people()?;
    let VerifyBody { token, password } = body(&gate, request).await?;
    people.verify(token, &password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Writes a letter with a link that sets a new password, if the address has an account.
#[utoipa::path(post, path = "/v1/accounts:forgot", tag = "accounts", request_body = AddressBody, responses(
    (status = 202, description = "If there is an account, a letter is on its way, or enough were sent within the hour."),
    (status = "default", description = "Nothing was done.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn forgot(State(gate): State<Arc<Gate>>, request: Request) -> Result<StatusCode, Problem> {
    let (people, from) = (gate.people()?, gate.origin(request.extensions(), request.headers()));
    let AddressBody { email } = body(&gate, request).await?;
    people.forgot_password(&email, from).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Sets a new password by the token of a link, and ends every log-in.
#[utoipa::path(post, path = "/v1/accounts:reset", tag = "accounts", request_body = ResetBody, responses(
    (status = 204, description = "The password is set."),
    (status = "default", description = "It is not.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn reset(State(gate): State<Arc<Gate>>, request: Request) -> Result<StatusCode, Problem> {
    let people = gate.people()?;
    let ResetBody { token, password } = body(&gate, request).await?;
    people.reset_password(token, &password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Logs somebody in.
#[utoipa::path(post, path = "/v1/sessions", tag = "accounts", request_body = LogInBody, responses(
    (status = 200, description = "They are logged in; the refresh token is in a cookie.", body = SessionView),
    (status = "default", description = "They are not.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn log_in(State(gate): State<Arc<Gate>>, request: Request) -> Result<Response, Problem> {
    let (people, from) = (gate.people()?, gate.origin(request.extensions(), request.headers()));
    let LogInBody { email, password } = body(&gate, request).await?;
    Ok(session(&gate, &people.log_in(&email, &password, from).await?))
}

/// Gets the next access token by the cookie, and the next cookie. One that was used before ends the log-in.
#[utoipa::path(post, path = "/v1/sessions:refresh", tag = "accounts", responses(
    (status = 200, description = "They still are logged in.", body = SessionView),
    (status = "default", description = "They are not.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn refresh(State(gate): State<Arc<Gate>>, headers: HeaderMap) -> Result<Response, Problem> {
    match gate.people()?.refresh(refresh_token(&headers)).await {
        Ok(next) => Ok(session(&gate, &next)),
        Err(over @ PeopleRefusal::LogInEnded(_)) => Ok(ended(&gate, Problem::from(over).into_response())),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Logs somebody out of this browser.
#[utoipa::path(delete, path = "/v1/sessions", tag = "accounts", responses(
    (status = 204, description = "They are logged out."),
    (status = "default", description = "They may still be logged in.", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn log_out(State(gate): State<Arc<Gate>>, headers: HeaderMap) -> Result<Response, Problem> {
    gate.people()?.log_out(refresh_token(&headers)).await?;
    Ok(ended(&gate, StatusCode::NO_CONTENT.into_response()))
}

/// Shows somebody their own account.
#[utoipa::path(get, path = "/v1/me", tag = "accounts", responses(
    (status = 200, description = "The account.", body = ProfileView),
    (status = "default", description = "It cannot be shown.", body = Problem, content_type = "application/problem+json"),
), security(("bearer" = [])))]
pub(super) async fn me(State(gate): State<Arc<Gate>>, headers: HeaderMap) -> Result<Response, Problem> {
    let who = gate.identify(&headers)?;
    let profile = gate.people()?.profile(who.customer).await?;
    let view = ProfileView {
        customer: profile.customer.to_string(),
        email: profile.address.expose().to_owned(),
        verified: profile.verified,
        roles: profile.roles.iter().map(accounts::Role::name).collect(),
    };
    Ok(json(StatusCode::OK, &view))
}

/// Changes the password, and ends every log-in.
#[utoipa::path(put, path = "/v1/me/password", tag = "accounts", request_body = ChangePasswordBody, responses(
    (status = 204, description = "It is changed."),
    (status = "default", description = "It is not.", body = Problem, content_type = "application/problem+json"),
), security(("bearer" = [])))]
pub(super) async fn change_password(
    State(gate): State<Arc<Gate>>,
    request: Request,
) -> Result<Response, Problem> {
    let who = gate.identify(request.headers())?;
    let (people, from) = (gate.people()?, gate.origin(request.extensions(), request.headers()));
    let ChangePasswordBody { old, new } = body(&gate, request).await?;
    people.change_password(who.customer, &old, &new, from).await?;
    Ok(ended(&gate, StatusCode::NO_CONTENT.into_response()))
}

/// Deletes everything that is known about somebody: account, log-ins, cart, contacts. The log keeps a number that leads
/// to nobody.
#[utoipa::path(delete, path = "/v1/me", tag = "accounts", request_body = PasswordBody, responses(
    (status = 204, description = "It is gone."),
    (status = "default", description = "It is not, or not all of it.", body = Problem, content_type = "application/problem+json"),
), security(("bearer" = [])))]
pub(super) async fn erase(State(gate): State<Arc<Gate>>, request: Request) -> Result<Response, Problem> {
    let who = gate.identify(request.headers())?;
    let (people, from) = (gate.people()?, gate.origin(request.extensions(), request.headers()));
    let PasswordBody { password } = body(&gate, request).await?;
    people.erase(who.customer, &password, from).await?;
    Ok(ended(&gate, StatusCode::NO_CONTENT.into_response()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let of = |texts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            texts.iter().for_each(|text| {
                headers.append(COOKIE, HeaderValue::from_static(text));
            });
            refresh_token(&headers).map(|token| token.expose().to_owned())
        };
        assert_eq!(of(&["a=b; refresh=x.y; c=d"]).as_deref(), Some("x.y"));
        assert_eq!(of(&["a=b", "refresh=z"]).as_deref(), Some("z"));
        assert_eq!(of(&["xrefresh=z; refreshx=y"]), None);
        assert_eq!(of(&[]), None);
    }
}
