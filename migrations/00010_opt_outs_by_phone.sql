-- Every STOP and START looks for the opt-outs of one number, whatever their scope,
-- with the person locked.

-- +goose Up
CREATE INDEX opt_outs_phone ON opt_outs (phone_hmac, since);

-- +goose Down
DROP INDEX opt_outs_phone;
