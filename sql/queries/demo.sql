-- What the demo puts into the books.

-- name: has_payments()$
-- Whether anybody has paid yet.
SELECT EXISTS (SELECT FROM payment);

-- name: put_seller(address, email, phone, electricity_price)!
-- What receipts say of the first operator.
INSERT INTO operator_receipt (operator_id, address, email, phone, f_tax, electricity_price)
SELECT min(operator_id), :address, :email, :phone, true, :electricity_price::numeric FROM operator
ON CONFLICT (operator_id) DO NOTHING;

-- name: past_to_bill(since, until, power_w)
-- Sessions that ended since then at evses of this power, with the tariff they are priced by.
SELECT s.session_id, s.evse_key, coalesce(s.operator_id, t.operator_id), s.site_id, s.station_id,
    t.hash, s.started_at, s.ended_at
FROM session s JOIN evse e USING (evse_key) JOIN tariffs_at(now()) a USING (evse_key)
    JOIN tariff t USING (tariff_id)
WHERE s.started_at >= :since AND s.ended_at < :until AND e.max_power_w >= :power_w
    AND s.energy_wh > 0
ORDER BY s.ended_at, s.session_id;

-- name: add_past_payment(reference, operator_id, evse_key, session_id, hold, tariff_hash, intent_id, started_at, ended_at)$
-- A payment of the past, not yet priced.
INSERT INTO payment (reference, channel, operator_id, evse_key, session_id, currency, hold,
    tariff_hash, price_shown_at, created_at, authorised_at, state, state_at, intent_id,
    intent_status, look_at)
SELECT :reference, 'guest', :operator_id, :evse_key, :session_id, o.currency, :hold,
    :tariff_hash, :started_at, :started_at, :started_at, 'completed', :ended_at, :intent_id,
    'succeeded', :ended_at
FROM operator o WHERE o.operator_id = :operator_id
RETURNING payment_id;

-- name: settle_past(payment_id, gross, captured, written_off, cdr_id, receipt_id, energy_wh, state, at, charge_id, brand, last4)!
-- It was charged.
UPDATE payment SET state = :state, gross = :gross, cost = :gross, captured = :captured,
    written_off = :written_off, cdr_id = :cdr_id, receipt_id = :receipt_id,
    charge_id = :charge_id, card_brand = :brand, card_last4 = :last4, stripe_seen_at = :at,
    energy_wh = :energy_wh, captured_at = :at, cost_at = :at, state_version = 1,
    intent_status = CASE WHEN :state = 'settled' THEN 'succeeded' ELSE 'canceled' END
WHERE payment_id = :payment_id;
