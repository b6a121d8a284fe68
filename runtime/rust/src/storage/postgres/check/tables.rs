//! Checks the version of the tables, and the rights to them.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::super::schema::{PrepareError, Schema, VERSION, is_current, read_version};
use super::{Checked, StorageReport};
use crate::storage::JOURNAL_VERSION;

/// The rights that servers need and the role does not have.
const MISSING_RIGHTS: &str = "
    WITH tables AS (
        SELECT c.oid, relname, relkind FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = $1
    )
    SELECT format('%s on the table %s', needed, relname)
    FROM tables, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) needed
    WHERE relkind = 'r' AND NOT has_table_privilege(oid, needed)
    UNION ALL
    SELECT format('%s on the sequence %s', needed, relname) FROM tables, unnest(ARRAY['SELECT', 'USAGE', 'UPDATE']) needed
    WHERE relkind = 'S' AND NOT has_sequence_privilege(oid, needed)
    UNION ALL
    SELECT format('EXECUTE on the function %s', proname) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
    WHERE nspname = $1 AND NOT has_function_privilege(p.oid, 'EXECUTE')
    UNION ALL
    SELECT 'EXECUTE on the function pg_control_system' WHERE NOT has_function_privilege('pg_control_system()', 'EXECUTE')
";

/// Whether the schema exists, whether the role may use it, create it and create tables in it, and whether it owns all
/// tables.
const SCHEMA: &str = "
    SELECT n.oid IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'USAGE'), false),
        has_database_privilege(current_database(), 'CREATE'),
        NOT EXISTS (SELECT FROM pg_class c WHERE relnamespace = n.oid AND relkind IN ('r', 'S')
                    AND NOT pg_has_role(relowner, 'USAGE')),
        coalesce(has_schema_privilege(n.oid, 'CREATE'), true), current_user::text, current_database()::text
    FROM (SELECT $1::text AS name) wanted LEFT JOIN pg_namespace n ON nspname = name
";

pub(super) async fn check(client: &Client, schema: &Schema, report: &mut StorageReport) -> Checked {
    let name = [(&schema.name() as _, Type::TEXT)];
    let row = client.query_typed_one(SCHEMA, &name).await?;
    let (exists, may_use, may_create, owns): (bool, bool, bool, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let may_add_tables: bool = row.try_get(4)?;
    let (role, database): (&str, &str) = (row.try_get(5)?, row.try_get(6)?);
    let schema_name = schema.name();
    if exists && !may_use {
        report.fail(
            "rights",
            format!("the role `{role}` may not use the schema `{schema_name}`"),
            format!("execute as its owner: `GRANT USAGE ON SCHEMA {schema_name} TO {role}`"),
        );
        return Ok(());
    }
    if exists && !has_rights(client, schema, role, report).await? {
        return Ok(());
    }
    let versions = read_version(client, schema).await?;
    let cannot_add_tables = |report: &mut StorageReport| {
        report.fail(
            "rights",
            format!("the role `{role}` may not create tables in the schema `{schema_name}`"),
            format!("execute as its owner: `GRANT CREATE ON SCHEMA {schema_name} TO {role}`"),
        );
    };
    if versions.latest == 0 {
        if !exists && !may_create {
            report.fail(
                "rights",
                format!("the role `{role}` may not create the schema `{schema_name}`"),
                format!(
                    "execute as the owner of the database: `GRANT CREATE ON DATABASE {database} TO {role}`"
                ),
            );
        } else if !may_add_tables {
            cannot_add_tables(report);
        } else {
            report.ok(
                "tables",
                format!("the first server will create the tables in the schema `{schema_name}`"),
            );
        }
        return Ok(());
    }
    match is_current(versions) {
        Ok(true) => report.ok("tables", format!("the tables have version {}", versions.latest)),
        Ok(false) if owns && !may_add_tables => cannot_add_tables(report),
        Ok(false) if owns => report.warn(
            "tables",
            format!("the first server will migrate the tables from version {} to {VERSION}", versions.latest),
            "make a backup, and read in the changelog whether earlier servers can continue",
        ),
        Ok(false) => report.fail(
            "tables",
            format!(
                "the tables must be migrated to version {VERSION}, but the role `{role}` does not own them"
            ),
            "start one server with the role that owns the tables",
        ),
        Err(PrepareError::Refused(why)) => report.fail("tables", why, "update the servers and this program"),
        Err(PrepareError::Database(error)) => return Err(error),
    }
    let journal = schema.qualify("SELECT value FROM fanfare.facts WHERE name = 'journal'");
    let rows = client.query_typed(&journal, &[]).await?;
    match rows.first().map(|row| row.get::<_, &str>(0)) {
        None | Some(JOURNAL_VERSION) => {}
        Some(version) => report.fail(
            "journal",
            format!(
                "the runs have journal version {version}, but this program replays version {JOURNAL_VERSION}"
            ),
            "use the version of Fanfare that wrote them",
        ),
    }
    Ok(())
}

/// Reports the rights that the role lacks. Returns `true` if it lacks none.
async fn has_rights(
    client: &Client,
    schema: &Schema,
    role: &str,
    report: &mut StorageReport,
) -> Checked<bool> {
    let name = schema.name();
    let missing = client.query_typed(MISSING_RIGHTS, &[(&name as _, Type::TEXT)]).await?;
    let missing: Vec<&str> = missing.iter().map(|row| row.get(0)).collect();
    let [first, others @ ..] = &*missing else {
        report.ok("rights", format!("the role `{role}` has the rights to use the tables"));
        return Ok(true);
    };
    let others = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    report.fail(
        "rights",
        format!("the role `{role}` lacks {first}{others}"),
        format!(
            "execute as the owner: `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO {role}`, \
             and the same for `SELECT, USAGE, UPDATE ON ALL SEQUENCES` and `EXECUTE ON ALL FUNCTIONS`"
        ),
    );
    Ok(false)
}
