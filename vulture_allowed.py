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
pytest_configure
pytest_configure_node
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
