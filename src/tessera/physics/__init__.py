"""Material laws: what a substance is, apart from any grid."""
