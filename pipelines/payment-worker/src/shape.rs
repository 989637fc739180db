//! Stripe's shape: PaymentIntents as JSON, calls as forms, events. Pure.
//!
//! Promised: any bytes give a value or a reason and no panic; what the provider may leave out may be missing.

use order_model::{Currency, OrderId, Sku, TimeMs};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::callback::Callback;
use crate::classify::{Refusal, classify};
use crate::provider::{Charge, Fault, Payment, PaymentState};

/// The version of the API we speak.
pub(crate) const API_VERSION: &str = "2024-06-20";
/// Path of payments.
pub(crate) const INTENTS: &str = "/v1/payment_intents";
/// Path of refunds.
pub(crate) const REFUNDS: &str = "/v1/refunds";

#[derive(Deserialize)]
struct Intent {
    id: String,
    amount: i64,
    #[serde(default)]
    amount_received: i64,
    currency: String,
    status: String,
    #[serde(default)]
    created: u64,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    last_payment_error: Option<Value>,
    #[serde(default)]
    latest_charge: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    order: Option<String>,
    sku: Option<String>,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Intent>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorObject,
}

#[derive(Deserialize)]
struct ErrorObject {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    payment_intent: Option<Value>,
}

#[derive(Deserialize)]
struct EventBody {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: EventData,
}

#[derive(Deserialize)]
struct EventData {
    object: Value,
}

/// One payment from the body of an answer.
pub(crate) fn read_payment(body: &[u8]) -> Result<Payment, String> {
    serde_json::from_slice::<Intent>(body).map_err(|error| error.to_string())?.into_payment()
}

/// The payments of a search.
pub(crate) fn read_payments(body: &[u8]) -> Result<Vec<Payment>, String> {
    let list: List = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    list.data.into_iter().map(Intent::into_payment).collect()
}

/// What an error means, and the payment it is about where it names one.
pub(crate) fn read_error(status: u16, body: &[u8]) -> (Fault, Option<Payment>) {
    let error = serde_json::from_slice::<ErrorBody>(body).map(|body| body.error);
    let Ok(error) = error else {
        let verdict = classify(Refusal { status, kind: "", code: "" });
        return (Fault::new(verdict, format!("the provider answered {status} without saying why")), None);
    };
    let code = error.code.as_deref().unwrap_or_default();
    let verdict = classify(Refusal { status, kind: &error.kind, code });
    let message = error.message.unwrap_or_default();
    let detail = format!("the provider answered {status} {} {code}: {message}", error.kind);
    let intent = error.payment_intent.and_then(|intent| serde_json::from_value::<Intent>(intent).ok());
    (Fault::new(verdict, detail), intent.and_then(|intent| intent.into_payment().ok()))
}

pub(crate) fn read_callback(body: &[u8]) -> Result<Callback, String> {
    let event: EventBody = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let payment = match event.kind.starts_with("payment_intent.") {
        true => {
            let intent: Intent =
                serde_json::from_value(event.data.object).map_err(|error| error.to_string())?;
            Some(intent.into_payment()?)
        }
        false => None,
    };
    Ok(Callback { id: event.id, payment })
}

impl Intent {
    fn into_payment(self) -> Result<Payment, String> {
        let refused = self.last_payment_error.as_ref().is_some_and(|error| !error.is_null());
        let state = match self.status.as_str() {
            "requires_capture" => PaymentState::Authorised,
            "succeeded" => PaymentState::Captured,
            "canceled" => PaymentState::Voided,
            "requires_payment_method" if refused => PaymentState::Declined,
            "requires_payment_method" | "requires_confirmation" | "requires_action" | "processing" => {
                PaymentState::Pending
            }
            other => {
                return Err(format!("payment {} has the status {other}, which is none of ours", self.id));
            }
        };
        let currency = self.currency.to_ascii_uppercase().parse::<Currency>().map_err(|e| e.to_string())?;
        let refunded = self.latest_charge.as_ref().and_then(|charge| charge.get("amount_refunded")?.as_i64());
        Ok(Payment {
            id: self.id,
            order: self.metadata.order.and_then(|order| order.parse::<OrderId>().ok()),
            sku: self.metadata.sku.and_then(|sku| sku.parse::<Sku>().ok()),
            state,
            amount: self.amount,
            currency,
            captured: if state == PaymentState::Captured { self.amount_received } else { 0 },
            refunded: refunded.unwrap_or_default(),
            created: TimeMs(self.created.saturating_mul(1_000)),
        })
    }
}

/// A payment as the provider's JSON; for the sandbox.
pub(crate) fn write_payment(payment: &Payment) -> Value {
    let status = match payment.state {
        PaymentState::Pending => "processing",
        PaymentState::Authorised => "requires_capture",
        PaymentState::Captured => "succeeded",
        PaymentState::Declined => "requires_payment_method",
        PaymentState::Voided => "canceled",
    };
    let error = (payment.state == PaymentState::Declined).then(|| json!({"code": "card_declined"}));
    json!({
        "id": payment.id,
        "object": "payment_intent",
        "amount": payment.amount,
        "amount_received": payment.captured,
        "currency": payment.currency.as_str().to_ascii_lowercase(),
        "status": status,
        "created": payment.created.0 / 1_000,
        "capture_method": "manual",
        "metadata": {
            "order": payment.order.map(|order| order.to_string()),
            "sku": payment.sku.map(|sku| sku.as_str().to_owned()),
        },
        "last_payment_error": error,
        "latest_charge": {"object": "charge", "amount_refunded": payment.refunded},
    })
}

/// The form that authorises a charge. The same charge gives the same bytes: the provider compares them when the key
/// comes again.
pub(crate) fn authorise_form(charge: &Charge, payment_method: Option<&str>) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("amount", &charge.amount.to_string())
        .append_pair("currency", &charge.currency.as_str().to_ascii_lowercase())
        .append_pair("capture_method", "manual")
        .append_pair("payment_method_types[]", "card")
        .append_pair("metadata[order]", &charge.order.to_string())
        .append_pair("metadata[sku]", charge.sku.as_str())
        .append_pair("metadata[customer]", &charge.customer.to_string());
    if let Some(method) = payment_method {
        form.append_pair("payment_method", method).append_pair("confirm", "true");
    }
    form.append_pair("expand[]", "latest_charge").finish()
}

/// The form of a call that only wants to see the payment whole.
pub(crate) fn expand_form() -> String {
    form(&[("expand[]", "latest_charge")])
}

pub(crate) fn refund_form(id: &str, amount: i64) -> String {
    form(&[("payment_intent", id), ("amount", &amount.to_string())])
}

/// The query that finds an order's payments.
pub(crate) fn search_query(order: OrderId) -> String {
    let query = format!("metadata['order']:'{order}'");
    let limit = crate::limits::PAYMENTS_PER_ORDER_MAX.to_string();
    form(&[("query", &query), ("limit", &limit), ("expand[]", "data.latest_charge")])
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Verdict;

    fn payment(state: PaymentState) -> Payment {
        Payment {
            id: "pi_1".to_owned(),
            order: Some(OrderId([3; 16])),
            sku: "a b".parse().ok(),
            state,
            amount: 500,
            currency: Currency::EUR,
            captured: if state == PaymentState::Captured { 500 } else { 0 },
            refunded: 0,
            created: TimeMs(1_700_000_000_000),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for state in [
            PaymentState::Pending,
            PaymentState::Authorised,
            PaymentState::Captured,
            PaymentState::Declined,
            PaymentState::Voided,
        ] {
            let payment = payment(state);
            let body = write_payment(&payment).to_string();
            assert_eq!(read_payment(body.as_bytes()), Ok(payment));
        }
    }

    #[test]
    fn a_payment_that_waits_for_a_card_is_pending_until_one_was_refused() {
        let mut body = write_payment(&payment(PaymentState::Declined));
        body["last_payment_error"] = Value::Null;
        let read = read_payment(body.to_string().as_bytes()).unwrap();
        assert_eq!(read.state, PaymentState::Pending);
        body["status"] = json!("unheard_of");
        assert!(read_payment(body.to_string().as_bytes()).unwrap_err().contains("unheard_of"));
        for body in ["", "{}", "[]", r#"{"id":"pi","amount":1.5,"currency":"eur","status":"x"}"#] {
            assert!(read_payment(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn forms_are_encoded() {
        let charge = Charge {
            order: OrderId([3; 16]),
            customer: Default::default(),
            sku: "a&b".parse().unwrap(),
            amount: 500,
            currency: Currency::EUR,
        };
        let form = authorise_form(&charge, Some("pm_1"));
        assert!(form.starts_with("amount=500&currency=eur&capture_method=manual&"), "{form}");
        assert!(form.contains("metadata%5Bsku%5D=a%26b"), "{form}");
        assert_eq!(form, authorise_form(&charge, Some("pm_1")));
        assert!(!authorise_form(&charge, None).contains("confirm"));
    }

    #[test]
    fn errors_say_what_to_do() {
        let body = br#"{"error":{"type":"card_error","code":"card_declined","message":"no"}}"#;
        let (fault, intent) = read_error(402, body);
        assert_eq!((fault.verdict, intent), (Verdict::Decline, None));
        assert!(fault.detail.contains("card_declined: no"), "{fault}");
        let (fault, _) = read_error(502, b"<html>");
        assert_eq!(fault.verdict, Verdict::LookUp);
    }
}
