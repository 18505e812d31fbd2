# What comes of it: for the client, in the database, by mail.

locals {
  # One a shard, also while a task's successor starts, notifiers, health checks and people.
  most_connections = max(50, 2 * local.shards + 30)

  outcome_alarms = {
    unavailable = {
      metric    = [var.name, "Unavailable"]
      of        = local.of_producer
      statistic = "Sum"
      above     = 0
      minutes   = 5
      action = [
        "Transactions are answered as unavailable, which is: not known to be durable. Clients send them again.",
        "Look at write-throttled, and for Kinesis's error codes in the log group /${var.name}/producer.",
      ]
    }

    dead-letters = {
      metric    = [var.name, "OpenDeadLetters"]
      of        = local.of_notifier
      statistic = "Maximum"
      above     = 0
      minutes   = 5
      periods   = 1
      action = [
        "Lines of the stream could not be evaluated; the table dead_letters has their bytes and the reason.",
        "Mend the cause and replay their hours: infra/run_task.sh ${var.name}-consumer-tool replay s3://…",
        "Then set their state to redriven or discarded, so that this alarm can tell of the next.",
      ]
    }

    outbox-age = {
      metric    = [var.name, "OldestPendingAlertSeconds"]
      of        = local.of_notifier
      statistic = "Maximum"
      above     = 2 * var.digest_interval_seconds + 600
      minutes   = 10
      missing   = "breaching"
      action = [
        "Alerts wait, or no notifier is there to tell.",
        "Look for the notifier in the log group /${var.name}/consumer: SES's quota, a sender that is not verified.",
        "If it has ended, force a new deployment of the service consumer.",
      ]
    }

    failed-emails = {
      metric    = [var.name, "FailedEmails"]
      of        = local.of_notifier
      statistic = "Maximum"
      above     = 0
      minutes   = 5
      periods   = 1
      action = [
        "SES refused e-mails for good; the table emails has the reason.",
        "Mend the address or the sender, then: infra/run_task.sh ${var.name}-consumer-tool emails retry",
      ]
    }

    mail-bounces = {
      metric    = ["AWS/SES", "Reputation.BounceRate"]
      of        = local.of_mail
      statistic = "Maximum"
      above     = 0.05
      minutes   = 60
      periods   = 1
      action = [
        "More than 5 % of the mail bounces; at 10 % AWS may stop the account's mail.",
        "Messages of this topic name the addresses: take them out of alert_recipients.",
      ]
    }

    mail-complaints = {
      metric    = ["AWS/SES", "Reputation.ComplaintRate"]
      of        = local.of_mail
      statistic = "Maximum"
      above     = 0.001
      minutes   = 60
      periods   = 1
      action = [
        "Recipients call the alerts spam; at 0.5 % AWS may stop the account's mail.",
        "Messages of this topic name them: take them out of alert_recipients.",
      ]
    }

    database-storage = {
      metric    = ["AWS/RDS", "FreeStorageSpace"]
      of        = local.of_database
      statistic = "Minimum"
      below     = 3 * 1024 * 1024 * 1024
      minutes   = 15
      missing   = "breaching"
      action = [
        "Less than 3 GiB are free and the storage did not grow by itself: raise max_storage_gb of database.",
        "A full database is waited out, but the stream keeps records for 7 days only.",
      ]
    }

    database-cpu = {
      metric    = ["AWS/RDS", "CPUUtilization"]
      of        = local.of_database
      statistic = "Average"
      above     = 80
      minutes   = 15
      action = [
        "The database is busy; Performance Insights shows with what, and most often it is people's queries.",
        "Else take a larger class of database.",
      ]
    }

    database-connections = {
      metric    = ["AWS/RDS", "DatabaseConnections"]
      of        = local.of_database
      statistic = "Maximum"
      above     = local.most_connections
      minutes   = 10
      action = [
        "More connections than shards, consumers and notifiers explain, which have one each.",
        "pg_stat_activity names them in application_name. A db.t4g.micro takes some 80, a db.t4g.small 170.",
      ]
    }
  }
}
