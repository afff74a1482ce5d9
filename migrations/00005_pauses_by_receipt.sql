-- A sender may turn out to be unfit only when carriers have refused its texts:
-- the calls that posted them went well. Such a pause ends when a text arrives.

-- +goose Up
ALTER TABLE pauses ADD COLUMN by_receipt boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN pauses.by_receipt IS 'a receipt told of the error: only a receipt can tell that it is over';

-- +goose Down
ALTER TABLE pauses DROP COLUMN by_receipt;
