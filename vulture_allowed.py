# Names that nothing here reads, because a framework does.

# Alembic, in each migration
branch_labels
depends_on
down_revision
revision
upgrade
downgrade

# SQLAlchemy, in a column type
cache_ok
impl
load_dialect_impl
process_bind_param
process_result_value

# pytest
pytest_collection_modifyitems
pytest_configure
pytest_configure_node
pytest_plugins
pytest_runtest_logreport
pytest_terminal_summary
pytest_unconfigure

# The account types, read by their values
MORTGAGE
IRA
ROTH_IRA
SEP_IRA
SIMPLE_IRA
PLAN_403B
HSA
EDUCATION
TRUST
PENSION
PROPERTY
CRYPTO
CASH
OTHER

# html.parser, in a test
handle_data
handle_endtag
handle_startendtag
handle_starttag

# click, of a command group
command_class
format_commands
format_epilog
get_command
list_commands
show

# SQLAlchemy, in a column type and on the driver's connection
bind_processor
coltype
isolation_level
result_processor

# The states of connections and syncs, read by their values
FAILED
FAILING
NEEDS_REAUTHENTICATION

# The claims of a token, and the fields of answers, which msgspec writes
access_tokens
account_number_masked
added_amount
audit_lines
change_amount
change_percent
change_percent_reason
closed_amount
dry_run
end_balance
end_date
expires_in
exported_at
jti
next_cursor
start_balance
start_date
token_type
total_balance_by_currency
total_change_amount
total_change_percent
total_count
tz
updated_at
pytestmark

# A field and a hook of wire shapes, read by msgspec and by Python
__init_subclass__
accounts_found
joined_accounts
n_steps  # a progress bar names it

# A return type that is loaded for the type checker alone
Ed25519PublicKey

# A hook that Python calls
unraisablehook
# An outage of providers outside this repository
STALE
# A field of an answer
multiline

# Codes that providers and statements write as text
NO_ACTIVITIES
NO_HISTORY
NO_TRANSACTIONS
INVALID_HISTORY
DUPLICATE_DAY
STALE_BALANCE
MISSING_BALANCE
INVALID_AMOUNT
INVALID_BALANCE
INVALID_DATE
FUTURE_DATE
UNKNOWN_CURRENCY
CUSTOM_CURRENCY
OTHER_CURRENCY
MIXED_CURRENCIES
CONFLICTING_BALANCE
MISSING_ACCOUNT
MISSING_COLUMN
MISSING_DATE
MISSING_SIGN
SECOND_TABLE
OTHER_SHEET
TOTAL_ROW
UNNAMED_COLUMN
NO_DATA
BANK_ERROR
UNREADABLE_FILE

# A hook that enums call
_missing_

# SQLite's file systems, and an option of Python
xAccess
xCheckReservedLock
xClose
xDelete
xDeviceCharacteristics
xFileControl
xFileSize
xFullPathname
xOpen
xRead
xSectorSize
xSync
xTruncate
xUnlock
xWrite
dont_write_bytecode
