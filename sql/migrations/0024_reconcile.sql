-- Stripe's side of the books as it told us, and what the daily checks found.

CREATE TABLE payout (
    payout_id   text PRIMARY KEY,
    operator_id integer NOT NULL REFERENCES operator,
    amount      bigint NOT NULL,
    currency    text NOT NULL,
    status      text NOT NULL,          -- Stripe's: pending, in_transit, paid, failed, canceled
    created_at  timestamptz NOT NULL,
    arrives_at  timestamptz,
    -- Stripe says which balance transactions are in it only of those it made by itself
    is_automatic boolean NOT NULL DEFAULT true,
    seen_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE balance_transaction (
    balance_transaction_id text PRIMARY KEY,
    type         text NOT NULL,         -- charge, refund, adjustment, payout, stripe_fee ...
    source_id    text,                  -- ch_, re_, dp_, po_
    charge_id    text,                  -- which charge a refund or dispute is about
    payment_id   bigint,
    amount       bigint NOT NULL,       -- minor units, gross
    fee          bigint NOT NULL,
    net          bigint NOT NULL,
    currency     text NOT NULL,
    created_at   timestamptz NOT NULL,
    available_at timestamptz,
    payout_id    text,
    seen_at      timestamptz NOT NULL DEFAULT now(),
    CHECK (amount - fee = net)
);
CREATE INDEX balance_transaction_payout ON balance_transaction (payout_id);
CREATE INDEX balance_transaction_payment ON balance_transaction (payment_id);
CREATE INDEX balance_transaction_source ON balance_transaction (source_id);
CREATE INDEX balance_transaction_created ON balance_transaction (created_at);
CREATE INDEX payment_charge ON payment (charge_id) WHERE charge_id IS NOT NULL;

-- What Stripe held for us when it was read, all its balance transactions with it.
CREATE TABLE stripe_balance (
    read_at   timestamptz NOT NULL,
    currency  text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    available bigint NOT NULL,
    pending   bigint NOT NULL,
    PRIMARY KEY (currency, read_at)
);

-- The invariants, checked every day: what staff see behind "Agrees".
CREATE TABLE book_check (
    checked_at timestamptz NOT NULL DEFAULT now(),
    name       text NOT NULL,
    month      date,                    -- what was checked; null: everything
    ok         boolean NOT NULL,
    checked    bigint NOT NULL,         -- how many rows it looked at
    difference bigint NOT NULL DEFAULT 0,
    detail     jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (name, checked_at)
);
