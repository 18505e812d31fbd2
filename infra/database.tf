# PostgreSQL: anomalies, outbox, dead letters, progress.

variable "final_snapshot" {
  description = "Take a last snapshot when the database is destroyed."
  type        = bool
  default     = true
}

variable "database_snapshot" {
  description = "Snapshot to make the database from; only read when it is made. To restore: -replace=aws_db_instance.this."
  type        = string
  default     = null

  validation {
    condition     = var.database_snapshot == null ? true : can(regex("^[A-Za-z0-9:._/-]+$", var.database_snapshot))
    error_message = "database_snapshot is a snapshot's name or ARN."
  }
}

locals {
  database_name = "payments"
  # They log in by IAM; the migrations make them.
  database_role = "consumer"
  console_role  = "console"

  # RDS makes the owner's password and changes it every week; try(): while there is none, nothing else must fail.
  master_secret_arn = try(aws_db_instance.this.master_user_secret[0].secret_arn, "none")
}

# Makes the last snapshot's name this database's own: those of databases before it may still be there.
resource "terraform_data" "last_snapshot" {
  input            = formatdate("YYYYMMDD-hhmmss", timestamp())
  triggers_replace = var.database_snapshot

  lifecycle {
    ignore_changes = [input]
  }
}

resource "aws_db_subnet_group" "this" {
  name        = var.name
  description = "Isolated subnets of ${var.name}"
  subnet_ids  = local.data_subnets
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.name}-pg17-"
  family      = "postgres17"
  description = "TLS only, and no payment in a log"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # Statements carry payments, for psycopg writes values into them, and a constraint's DETAIL quotes rows. Slow ones show
  # in Performance Insights, without their values.
  parameter {
    name  = "log_min_duration_statement"
    value = "-1"
  }

  parameter {
    name  = "log_min_error_statement"
    value = "panic"
  }

  parameter {
    name  = "log_error_verbosity"
    value = "terse"
  }

  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "this" {
  # checkov:skip=CKV_AWS_118:Its log group belongs to the account and would outlive us; Performance Insights shows the load
  identifier     = var.name
  engine         = "postgres"
  engine_version = "17"
  instance_class = local.size.database.class
  multi_az       = local.size.database.multi_az

  snapshot_identifier                 = var.database_snapshot
  db_name                             = local.database_name
  username                            = "payments"
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = aws_kms_key.this.arn
  iam_database_authentication_enabled = true

  storage_type          = "gp3"
  allocated_storage     = 20
  max_allocated_storage = local.size.database.max_storage_gb
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.this.arn

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this["database"].id]
  publicly_accessible    = false
  port                   = 5432
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period     = 7
  backup_window               = "02:00-03:00"
  maintenance_window          = "sun:03:30-sun:04:30"
  auto_minor_version_upgrade  = true
  allow_major_version_upgrade = false
  # Else a change that restarts the database waits for the maintenance window.
  apply_immediately = var.size == "development"

  deletion_protection       = local.size.protect
  skip_final_snapshot       = !var.final_snapshot
  final_snapshot_identifier = var.final_snapshot ? "${var.name}-final-${terraform_data.last_snapshot.output}" : null
  copy_tags_to_snapshot     = true

  performance_insights_enabled          = true
  performance_insights_retention_period = 7 # days: no charge
  performance_insights_kms_key_id       = aws_kms_key.this.arn
  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]

  lifecycle {
    # Only of its making: without this a snapshot that is no longer named would cost the database.
    ignore_changes = [snapshot_identifier]
  }

  # RDS would make the groups itself.
  depends_on = [aws_cloudwatch_log_group.this]
}
