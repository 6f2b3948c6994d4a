//! What the database itself says at the end, past all nodes.

use crate::cluster::Cluster;
use std::process::Command;
use tokio_postgres::NoTls;

/// Every instance was acquired and released in turn, or is still open.
const NOT_IN_TURN: &str = "SELECT count(*) FROM (SELECT 1 FROM usage \
    GROUP BY organisation, session, licence \
    HAVING count(*) FILTER (WHERE usage_type = 'Acquired') \
         - count(*) FILTER (WHERE usage_type = 'Released') NOT IN (0, 1)) AS wrong";

/// What is open in the log is what open sessions hold.
const NOT_THE_SAME: &str = "SELECT count(*) FROM (SELECT organisation, session, licence FROM usage \
    GROUP BY organisation, session, licence \
    HAVING count(*) FILTER (WHERE usage_type = 'Acquired') \
         > count(*) FILTER (WHERE usage_type = 'Released')) AS logged \
    FULL JOIN instances AS held USING (organisation, session, licence) \
    WHERE logged.session IS NULL OR held.session IS NULL";

/// Within an organisation no record is dated before the one that was written before it.
const BACKWARDS: &str = "SELECT count(*) FROM (SELECT at, \
    lag(at) OVER (PARTITION BY organisation ORDER BY id) AS before FROM usage) AS pairs \
    WHERE at < before";

impl Cluster {
    /// Holds the tables against each other.
    ///
    /// # Panics
    /// If they contradict each other.
    pub(crate) async fn assert_kept(&self) {
        let Some(url) = self.database_url() else { return };
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        for text in [NOT_IN_TURN, NOT_THE_SAME, BACKWARDS] {
            let wrong: i64 = client.query_one(text, &[]).await.unwrap().get(0);
            assert_eq!(wrong, 0, "{text}");
        }
        drop(client);
        connection.await.unwrap().unwrap();
        self.assert_sound(url).await;
    }

    /// `licence-broker check`, beside the nodes.
    async fn assert_sound(&self, url: &str) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_licence-broker"));
        command.args(["check", "--database", url]).current_dir(self.folder());
        let checked = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
        assert!(said.contains(" 0 broken"), "{said}");
    }
}
