//! Calls about accounts, log-ins, and what people ask to be told. Tokens travel in messages: there are no cookies.

use std::sync::Arc;
use std::time::Duration;

use accounts::{RefreshToken, Role};
use order_model::Sku;
use sink_push::contacts::Interest;
use tonic::{Request, Response, Status};

use super::call::{identify, origin};
use super::proto::people::v1::account_service_server::AccountService;
use super::proto::people::v1::session_service_server::SessionService;
use super::proto::people::v1::subscription_service_server::SubscriptionService;
use super::proto::people::v1::{
    ChangePasswordRequest, ChangePasswordResponse, EraseAccountRequest, EraseAccountResponse,
    ForgotPasswordRequest, ForgotPasswordResponse, GetProfileRequest, LogInRequest, LogOutRequest,
    LogOutResponse, Profile, RefreshRequest, RegisterRequest, RegisterResponse, ResendVerificationRequest,
    ResendVerificationResponse, ResetPasswordRequest, ResetPasswordResponse, Session, SubscribeRequest,
    SubscribeResponse, SubscriptionEvent, UnsubscribeRequest, UnsubscribeResponse, VerifyEmailRequest,
    VerifyEmailResponse,
};
use super::read::{bad_field, field, said};
use super::status::status;
use crate::http::Problem;
use crate::http::gate::Gate;
use crate::people::People;

pub(super) struct Accounts(pub(super) Arc<Gate>);

fn people(gate: &Gate) -> Result<&Arc<People>, Status> {
    gate.people().map_err(status)
}

#[tonic::async_trait]
impl AccountService for Accounts {
    async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        let (people, from) = (people(&self.0)?, origin(&self.0, &request));
        let RegisterRequest { email, password, locale } = request.get_ref();
        people.register(email, password, locale, from).await.map_err(status)?;
        Ok(Response::new(RegisterResponse {}))
    }

    async fn resend_verification(
        &self,
        request: Request<ResendVerificationRequest>,
    ) -> Result<Response<ResendVerificationResponse>, Status> {
        let (people, from) = (people(&self.0)?, origin(&self.0, &request));
        people.resend(&request.get_ref().email, from).await.map_err(status)?;
        Ok(Response::new(ResendVerificationResponse {}))
    }

    async fn verify_email(
        &self,
        request: Request<VerifyEmailRequest>,
    ) -> Result<Response<VerifyEmailResponse>, Status> {
        let VerifyEmailRequest { token, password } = request.into_inner();
        people(&self.0)?.verify(token, &password).await.map_err(status)?;
        Ok(Response::new(VerifyEmailResponse {}))
    }

    async fn forgot_password(
        &self,
        request: Request<ForgotPasswordRequest>,
    ) -> Result<Response<ForgotPasswordResponse>, Status> {
        let (people, from) = (people(&self.0)?, origin(&self.0, &request));
        people.forgot_password(&request.get_ref().email, from).await.map_err(status)?;
        Ok(Response::new(ForgotPasswordResponse {}))
    }

    async fn reset_password(
        &self,
        request: Request<ResetPasswordRequest>,
    ) -> Result<Response<ResetPasswordResponse>, Status> {
        let ResetPasswordRequest { token, password } = request.into_inner();
        people(&self.0)?.reset_password(token, &password).await.map_err(status)?;
        Ok(Response::new(ResetPasswordResponse {}))
    }

    async fn get_profile(&self, request: Request<GetProfileRequest>) -> Result<Response<Profile>, Status> {
        let who = identify(&self.0, &request)?;
        let profile = people(&self.0)?.profile(who.customer).await.map_err(status)?;
        Ok(Response::new(Profile {
            customer: profile.customer.to_string(),
            email: profile.address.expose().to_owned(),
            verified: profile.verified,
            roles: profile.roles.iter().map(Role::name).map(str::to_owned).collect(),
        }))
    }

    async fn change_password(
        &self,
        request: Request<ChangePasswordRequest>,
    ) -> Result<Response<ChangePasswordResponse>, Status> {
        let (people, from) = (people(&self.0)?, origin(&self.0, &request));
        let who = identify(&self.0, &request)?;
        let ChangePasswordRequest { old_password, new_password } = request.get_ref();
        people.change_password(who.customer, old_password, new_password, from).await.map_err(status)?;
        Ok(Response::new(ChangePasswordResponse {}))
    }

    async fn erase_account(
        &self,
        request: Request<EraseAccountRequest>,
    ) -> Result<Response<EraseAccountResponse>, Status> {
        let (people, from) = (people(&self.0)?, origin(&self.0, &request));
        let who = identify(&self.0, &request)?;
        people.erase(who.customer, &request.get_ref().password, from).await.map_err(status)?;
        Ok(Response::new(EraseAccountResponse {}))
    }
}

pub(super) struct Sessions(pub(super) Arc<Gate>);

impl Sessions {
    fn told(&self, session: &accounts::Session) -> Response<Session> {
        let now = self.0.service.now().0;
        let lasts = |until: u64| Duration::from_millis(until.saturating_sub(now)).try_into().ok();
        Response::new(Session {
            access_token: session.access.expose().to_owned(),
            access_lasts: lasts(session.access_expires.0),
            refresh_token: session.refresh.expose().to_owned(),
            refresh_lasts: lasts(session.refresh_expires.0),
            customer: session.identity.customer.to_string(),
            verified: session.identity.verified,
        })
    }
}

#[tonic::async_trait]
impl SessionService for Sessions {
    async fn log_in(&self, request: Request<LogInRequest>) -> Result<Response<Session>, Status> {
        let (people, from) = (people(&self.0)?, origin(&self.0, &request));
        let LogInRequest { email, password } = request.get_ref();
        Ok(self.told(&people.log_in(email, password, from).await.map_err(status)?))
    }

    async fn refresh(&self, request: Request<RefreshRequest>) -> Result<Response<Session>, Status> {
        let token = said(&request.get_ref().refresh_token).map(RefreshToken::new);
        Ok(self.told(&people(&self.0)?.refresh(token).await.map_err(status)?))
    }

    async fn log_out(&self, request: Request<LogOutRequest>) -> Result<Response<LogOutResponse>, Status> {
        let token = said(&request.get_ref().refresh_token).map(RefreshToken::new);
        people(&self.0)?.log_out(token).await.map_err(status)?;
        Ok(Response::new(LogOutResponse {}))
    }
}

pub(super) struct Subscriptions(pub(super) Arc<Gate>);

fn interest(sku: &str, event: SubscriptionEvent) -> Result<Interest, Problem> {
    let sku: Sku = field(sku, "sku")?;
    match event {
        SubscriptionEvent::Opens => Ok(Interest::Opening(sku)),
        SubscriptionEvent::BackInStock => Ok(Interest::Stock(sku)),
        SubscriptionEvent::Unspecified => Err(bad_field("event", "the event is opens or back_in_stock")),
    }
}

#[tonic::async_trait]
impl SubscriptionService for Subscriptions {
    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<SubscribeResponse>, Status> {
        let who = self.0.service.reachable(&identify(&self.0, &request)?).map_err(status)?;
        let (people, message) = (people(&self.0)?, request.get_ref());
        let interest = interest(&message.sku, message.event()).map_err(status)?;
        let shop = self.0.shop.as_deref();
        self.0.service.subscribe(who, people, shop, &interest).await.map_err(status)?;
        Ok(Response::new(SubscribeResponse {}))
    }

    async fn unsubscribe(
        &self,
        request: Request<UnsubscribeRequest>,
    ) -> Result<Response<UnsubscribeResponse>, Status> {
        let who = self.0.service.reachable(&identify(&self.0, &request)?).map_err(status)?;
        let (people, message) = (people(&self.0)?, request.get_ref());
        let interest = interest(&message.sku, message.event()).map_err(status)?;
        self.0.service.unsubscribe(who, people, &interest).await.map_err(status)?;
        Ok(Response::new(UnsubscribeResponse {}))
    }
}
